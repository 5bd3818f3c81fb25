"""Programs that the verifier refuses: the error names the C line and says what to do."""

from __future__ import annotations

from collections.abc import Callable

from conformance.case import case
from conformance.rejections import RAW, REJECTIONS, Rejection, reject


def refused(name: str, rejection: Rejection) -> Callable[[], None]:
    """Make the case of a cause."""

    def test() -> None:
        error = reject(name)
        assert rejection.hint in error.hint, f"{error}\n{error.log[-2000:]}"
        assert rejection.line in str(error)
        assert not rejection.line or "at: " in error.summary
        assert error.log.count("\n") > 1

    test.__doc__ = f"A rejection because of '{name}' tells the C line and what to do about it."
    return case(f"programs/verifier/{name}", kernel=rejection.kernel)(test)


def refused_code(name: str, hint: str) -> Callable[[], None]:
    """Make the case of code that no C text gives."""

    def test() -> None:
        error = reject(name)
        assert hint in error.hint, f"{error}\n{error.log[-2000:]}"

    test.__doc__ = f"A rejection of code because of '{name}' says what to do about it."
    return case(f"programs/verifier/{name}", kernel="5.10")(test)


for _name, _rejection in REJECTIONS.items():
    globals()[f"test_{_name.replace('-', '_')}"] = refused(_name, _rejection)
for _name, (_, _hint) in RAW.items():
    globals()[f"test_{_name.replace('-', '_')}"] = refused_code(_name, _hint)


@case("programs/verifier/path", kernel="5.10")
def test_the_error_ends_with_variable_register_and_path() -> None:
    """A rejection tells the variable, what its register holds, and the branches that led there."""
    error = reject("index")
    lines = str(error).splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("at: found->slots[which]"))
    assert "case.bpf.c:" in lines[place]
    register = next(line for line in lines[place:] if line.startswith("register: "))
    assert "in 'found->slots[which]' = map_value(" in register
    assert "a map's value plus 0 to " in register
    assert lines[-2] == "path:"
    assert lines[-1].strip().startswith("if (!found) return 0;")
    assert lines[-1].endswith("r0 != 0x0 held")
