"""The support page: made from records alone."""

from __future__ import annotations

from bpfkit.features.catalogue import CATALOGUE
from conformance.record import CaseRecord, KernelRecord, Outcome
from conformance.report.support import GROUPS, emit_support

KERNELS = [KernelRecord(k, f"{k}.1", k, "x86_64", "", "ok", 1.0) for k in ("5.10", "7.3")]


def case(
    kernel: str, id: str, outcome: Outcome, feature: str, reason: str = "", since: str = "5.8"
) -> CaseRecord:
    return CaseRecord(kernel, id, "", outcome, reason, 0.1, since, "probe", feature)


def row(page: str, name: str) -> str:
    return next(line for line in page.splitlines() if line.startswith(f"| {name} "))


def test_proved_cases_are_counted_and_missing_features_dated() -> None:
    ring, hash_ = "map_type/ringbuf", "map_type/hash"
    page = emit_support(
        [
            *KERNELS,
            case("5.10", f"features/{ring}", Outcome.SKIP, ring, "it came with Linux 5.8"),
            case("7.3", f"features/{ring}", Outcome.PASS, ring),
            case("7.3", "maps/ringbuf/a", Outcome.PASS, ring),
            case("7.3", "maps/ringbuf/b", Outcome.PASS, ring),
            case("5.10", f"features/{hash_}", Outcome.PASS, hash_, since="3.19"),
            case("7.3", f"features/{hash_}", Outcome.PASS, hash_, since="3.19"),
        ]
    )
    assert row(page, "ringbuf") == "| ringbuf | 5.8 | 5.8 | 2 |"
    assert row(page, "hash") == "| hash | 3.19 | ✓ | ✓ |"


def test_what_is_wrong_hides_behind_nothing() -> None:
    xdp = "program_type/xdp"
    records = [
        case("5.10", f"features/{xdp}", Outcome.LIE, xdp, "missing"),
        case("7.3", f"features/{xdp}", Outcome.PASS, xdp),
        case("7.3", "links/xdp/a", Outcome.PASS, xdp),
        case("7.3", "links/xdp/b", Outcome.FAIL, xdp),
    ]
    assert row(emit_support([*KERNELS, *records]), "xdp") == "| xdp | 5.8 | **lie** | **fails** |"


def test_a_missing_option_is_told() -> None:
    lirc = "program_type/lirc_mode2"
    reason = "this kernel is built without CONFIG_BPF_LIRC_MODE2"
    records = [case(k.kernel, f"features/{lirc}", Outcome.SKIP, lirc, reason) for k in KERNELS]
    page = emit_support([*KERNELS, *records])
    assert row(page, "lirc_mode2") == "| lirc_mode2 | 5.8 | config | config |"


def test_no_feature_is_left_out() -> None:
    assert {feature.name.partition("/")[0] for feature in CATALOGUE} == GROUPS.keys()


def test_rows_come_in_the_order_of_the_catalogue() -> None:
    records = [
        case("7.3", "maps/queue/a", Outcome.PASS, "map_type/queue"),
        case("7.3", "features/map_type/hash", Outcome.PASS, "map_type/hash"),
        case("7.3", "features/map_type/queue", Outcome.PASS, "map_type/queue"),
    ]
    page = emit_support([*KERNELS, *records])
    assert page.index("| hash ") < page.index("| queue ")
