"""Every attach type of cgroups: this process joins a cgroup and does what the hook is about."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bpfkit.features.catalogue import CATALOGUE
from bpfkit.links.base import Method
from bpfkit.links.cgroup import attach_cgroup
from bpfkit.uapi.bpf import AttachType
from conformance.case import case
from conformance.cgroups import joined, new_cgroup
from conformance.counting import Loaded, loaded
from conformance.network import own_network

TEXT, UNIX_TEXT = "cgroup", "cgroup_unix"
# Name → (number, port that the program looks for, port it makes of it).
ADDRESSES = {
    "bind": (0, 7701, 7702),
    "connect": (2, 7703, 7704),
    "sendmsg": (4, 7705, 7706),
    "recvmsg": (6, 7707, 7708),
    "getpeername": (8, 7704, 7709),
    "getsockname": (10, 7710, 7711),
}
UNIX = {"connect": 20, "sendmsg": 21, "recvmsg": 22, "getpeername": 23, "getsockname": 24}
LOOPBACK = {4: "127.0.0.1", 6: "::1"}
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
SINCE = {feature.name: feature for feature in CATALOGUE}
CUSTOM_LEVEL = 0x7766
Trigger = Callable[[], None]


@contextlib.contextmanager
def hooked(program: str, attach_type: AttachType, *, unix: bool = False) -> Iterator[Loaded]:
    """Have this process in a cgroup, in a network of its own, with a program on the cgroup."""
    with (
        own_network(),
        new_cgroup() as cgroup,
        loaded(UNIX_TEXT if unix else TEXT) as text,
        attach_cgroup(text.system, text.program(program), cgroup, attach_type) as link,
    ):
        assert link.method is Method.LINK
        assert link.info().attach_type == attach_type
        with joined(cgroup):
            yield text


def hook(
    name: str, attach_type: AttachType, claim: str, counter: int, trigger: Trigger,
    *, program: str = "", unix: bool = False,
) -> Callable[[], None]:  # fmt: skip
    """Make a case: ``trigger`` sees what the program does, and passes its counter."""
    feature = SINCE[f"attach_type/{attach_type.name.lower()}"]

    def test() -> None:
        with hooked(program or name, attach_type, unix=unix) as text:
            trigger()
            assert text.hits(counter) >= 1

    test.__doc__ = claim
    return case(
        f"links/cgroup/{name}", kernel=feature.since, feature=feature.name, config=feature.config
    )(test)


@contextlib.contextmanager
def sockets(kind: int, family: int, number: int = 2) -> Iterator[list[socket.socket]]:
    """New sockets of a family, 4 or 6."""
    with contextlib.ExitStack() as stack:
        made = [stack.enter_context(socket.socket(FAMILY[family], kind)) for _ in range(number)]
        for each in made:
            each.settimeout(10)
        yield made


def bind(family: int) -> None:
    _, seen, made = ADDRESSES["bind"]
    with sockets(socket.SOCK_STREAM, family, 1) as (one,):
        one.bind((LOOPBACK[family], seen))
        assert one.getsockname()[1] == made


def connect(family: int) -> None:
    _, seen, made = ADDRESSES["connect"]
    with sockets(socket.SOCK_STREAM, family) as (server, client):
        server.bind((LOOPBACK[family], made))
        server.listen()
        client.connect((LOOPBACK[family], seen))


def sendmsg(family: int) -> None:
    _, seen, made = ADDRESSES["sendmsg"]
    with sockets(socket.SOCK_DGRAM, family) as (server, client):
        server.bind((LOOPBACK[family], made))
        client.sendto(b"x", (LOOPBACK[family], seen))
        assert server.recv(8) == b"x"


def recvmsg(family: int) -> None:
    _, seen, made = ADDRESSES["recvmsg"]
    with sockets(socket.SOCK_DGRAM, family) as (server, client):
        server.bind((LOOPBACK[family], 0))
        client.bind((LOOPBACK[family], seen))
        client.sendto(b"x", server.getsockname())
        assert server.recvfrom(8)[1][1] == made


def getpeername(family: int) -> None:
    _, seen, made = ADDRESSES["getpeername"]
    with sockets(socket.SOCK_STREAM, family) as (server, client):
        server.bind((LOOPBACK[family], seen))
        server.listen()
        client.connect((LOOPBACK[family], seen))
        assert client.getpeername()[1] == made


def getsockname(family: int) -> None:
    _, seen, made = ADDRESSES["getsockname"]
    with sockets(socket.SOCK_STREAM, family, 1) as (one,):
        one.bind((LOOPBACK[family], seen))
        assert one.getsockname()[1] == made


_DOES: dict[str, tuple[Callable[[int], None], str]] = {
    "bind": (bind, "gives a socket another port than it asks for"),
    "connect": (connect, "sends a connection elsewhere than it asks for"),
    "sendmsg": (sendmsg, "sends a datagram elsewhere than it is addressed to"),
    "recvmsg": (recvmsg, "changes where a datagram seems to come from"),
    "getpeername": (getpeername, "changes what a socket is told of its peer"),
    "getsockname": (getsockname, "changes what a socket is told of itself"),
}
_TYPE = {"sendmsg": "UDP{}_SENDMSG", "recvmsg": "UDP{}_RECVMSG"}


def _address_hook(name: str, family: int) -> Callable[[], None]:
    trigger, does = _DOES[name]
    kind = AttachType["CGROUP_" + _TYPE.get(name, f"INET{{}}_{name.upper()}").format(family)]
    claim = f"A program at {name}{family} {does}."
    index = ADDRESSES[name][0] + (family == 6)
    return hook(f"{name}{family}", kind, claim, index, lambda: trigger(family))


test_bind4, test_bind6 = (_address_hook("bind", family) for family in (4, 6))
test_connect4, test_connect6 = (_address_hook("connect", family) for family in (4, 6))
test_sendmsg4, test_sendmsg6 = (_address_hook("sendmsg", family) for family in (4, 6))
test_recvmsg4, test_recvmsg6 = (_address_hook("recvmsg", family) for family in (4, 6))
test_getpeername4, test_getpeername6 = (_address_hook("getpeername", family) for family in (4, 6))
test_getsockname4, test_getsockname6 = (_address_hook("getsockname", family) for family in (4, 6))


# ---------------------------------------------------------------- Unix sockets


def unix_refused(kind: int, act: Callable[[socket.socket, str], object]) -> None:
    """What a program refuses fails with EPERM."""
    with (
        socket.socket(socket.AF_UNIX, kind) as server,
        socket.socket(socket.AF_UNIX, kind) as client,
    ):
        server.bind("\0bk-server")
        if kind == socket.SOCK_STREAM:
            server.listen()
        with pytest.raises(PermissionError):
            act(client, "\0bk-server")


def unix_passes(act: Callable[[socket.socket, socket.socket], object]) -> None:
    """Something with two datagram sockets that know each other."""
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other,
    ):
        one.bind("\0bk-one")
        other.bind("\0bk-other")
        other.connect("\0bk-one")
        act(one, other)


def _receive(one: socket.socket, other: socket.socket) -> None:
    other.send(b"x")
    assert one.recvfrom(8) == (b"x", b"\0bk-other")


_UNIX: dict[str, tuple[str, Trigger]] = {
    "connect": (
        "refuses a connection",
        lambda: unix_refused(socket.SOCK_STREAM, lambda s, name: s.connect(name)),
    ),
    "sendmsg": (
        "refuses a datagram",
        lambda: unix_refused(socket.SOCK_DGRAM, lambda s, name: s.sendto(b"x", name)),
    ),
    "recvmsg": ("sees a datagram arrive", lambda: unix_passes(_receive)),
    "getpeername": ("is asked for the peer", lambda: unix_passes(lambda _, s: s.getpeername())),
    "getsockname": ("is asked for the name", lambda: unix_passes(lambda _, s: s.getsockname())),
}


def _unix_hook(name: str) -> Callable[[], None]:
    does, trigger = _UNIX[name]
    kind = AttachType[f"CGROUP_UNIX_{name.upper()}"]
    claim = f"A program at {name} of Unix sockets {does}."
    full = f"{name}_unix"
    return hook(full, kind, claim, UNIX[name], trigger, program=full, unix=True)


test_unix_connect, test_unix_sendmsg = _unix_hook("connect"), _unix_hook("sendmsg")
test_unix_recvmsg = _unix_hook("recvmsg")
test_unix_getpeername, test_unix_getsockname = _unix_hook("getpeername"), _unix_hook("getsockname")


# ---------------------------------------------------------------- packets, sockets, files


def datagrams_pass_or_not() -> None:
    """The datagram to one port arrives; the one to another does not."""
    with sockets(socket.SOCK_DGRAM, 4, 3) as (good, bad, client):
        good.bind((LOOPBACK[4], 7720))
        bad.bind((LOOPBACK[4], 7721))
        bad.settimeout(0.2)
        client.sendto(b"x", good.getsockname())
        assert good.recv(8) == b"x"
        with contextlib.suppress(PermissionError):  # at the egress the sender is told
            client.sendto(b"x", bad.getsockname())
        with pytest.raises(TimeoutError):
            bad.recv(8)


def raw_sockets_are_refused() -> None:
    """SOCK_RAW is refused, other sockets are not."""
    with sockets(socket.SOCK_DGRAM, 4):
        pass
    with pytest.raises(PermissionError):
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)


def ports_are_refused(family: int) -> None:
    """One port is refused after binding, another is not."""
    with sockets(socket.SOCK_STREAM, family) as (one, other):
        one.bind((LOOPBACK[family], 7731))
        with pytest.raises(OSError) as refused:  # noqa: PT011 - the errno is what matters
            other.bind((LOOPBACK[family], 7730))
        # Before Linux 5.17 the program's refusal looked like an address in use.
        assert refused.value.errno in (errno.EPERM, errno.EADDRINUSE)


def sysctls_are_read_only() -> None:
    """A sysctl can be read and not written."""
    path = Path("/proc/sys/net/ipv4/ip_forward")
    value = path.read_text()
    with pytest.raises(PermissionError):
        path.write_text(value)


def a_device_is_refused() -> None:
    """/dev/full cannot be opened, /dev/null can."""
    Path("/dev/null").read_bytes()
    with pytest.raises(PermissionError), Path("/dev/full").open("rb"):
        pass


def an_option_is_answered() -> None:
    """An option that the kernel does not have is answered."""
    with sockets(socket.SOCK_STREAM, 4, 1) as (one,):
        assert one.getsockopt(CUSTOM_LEVEL, 1, 4) == b"\x37"


def an_option_is_taken() -> None:
    """An option that the kernel does not have is taken, with one value and not with another."""
    with sockets(socket.SOCK_STREAM, 4, 1) as (one,):
        one.setsockopt(CUSTOM_LEVEL, 1, b"\x38")
        with pytest.raises(PermissionError):
            one.setsockopt(CUSTOM_LEVEL, 1, b"\x39")


def a_connection_is_made() -> None:
    """Connect over TCP."""
    with sockets(socket.SOCK_STREAM, 4) as (server, client):
        server.bind((LOOPBACK[4], 0))
        server.listen()
        client.connect(server.getsockname())
        server.accept()[0].close()


test_ingress = hook(
    "ingress",
    AttachType.CGROUP_INET_INGRESS,
    "A program at the ingress sees packets for the cgroup's sockets and drops some.",
    40,
    datagrams_pass_or_not,
)
test_egress = hook(
    "egress",
    AttachType.CGROUP_INET_EGRESS,
    "A program at the egress sees packets of the cgroup's sockets and drops some.",
    41,
    datagrams_pass_or_not,
)
test_sock_create = hook(
    "sock_create",
    AttachType.CGROUP_INET_SOCK_CREATE,
    "A program at the creation of sockets refuses one kind.",
    42,
    raw_sockets_are_refused,
)
test_sock_release = hook(
    "sock_release",
    AttachType.CGROUP_INET_SOCK_RELEASE,
    "A program at the release of sockets sees one go.",
    43,
    a_connection_is_made,
)
test_post_bind4 = hook(
    "post_bind4",
    AttachType.CGROUP_INET4_POST_BIND,
    "A program after binding refuses an IPv4 port.",
    44,
    lambda: ports_are_refused(4),
)
test_post_bind6 = hook(
    "post_bind6",
    AttachType.CGROUP_INET6_POST_BIND,
    "A program after binding refuses an IPv6 port.",
    45,
    lambda: ports_are_refused(6),
)
test_sysctl = hook(
    "sysctl",
    AttachType.CGROUP_SYSCTL,
    "A program lets sysctls be read and not be written.",
    46,
    sysctls_are_read_only,
)
test_device = hook(
    "device",
    AttachType.CGROUP_DEVICE,
    "A program refuses a device file and lets others be opened.",
    47,
    a_device_is_refused,
)
test_getsockopt = hook(
    "getsockopt",
    AttachType.CGROUP_GETSOCKOPT,
    "A program answers getsockopt for an option of its own.",
    48,
    an_option_is_answered,
)
test_setsockopt = hook(
    "setsockopt",
    AttachType.CGROUP_SETSOCKOPT,
    "A program takes setsockopt for an option of its own and refuses a value.",
    49,
    an_option_is_taken,
)
test_sockops_connect = hook(
    "sockops",
    AttachType.CGROUP_SOCK_OPS,
    "A sockops program is told of a connection that is being established.",
    51,
    a_connection_is_made,
)


@case("links/cgroup/lsm", kernel="6.0", feature="attach_type/lsm_cgroup", config="BPF_LSM")
def test_lsm_refuses_for_a_cgroup_alone() -> None:
    """An LSM program on a cgroup refuses bind() in it, and nowhere else."""
    kind = AttachType.LSM_CGROUP
    with (
        own_network(),
        new_cgroup() as cgroup,
        loaded(TEXT) as text,
        attach_cgroup(text.system, text.program("lsm_bind"), cgroup, kind),
        sockets(socket.SOCK_DGRAM, 4, 1) as (outside,),
    ):
        outside.bind((LOOPBACK[4], 0))
        with (
            joined(cgroup),
            sockets(socket.SOCK_DGRAM, 4, 1) as (inside,),
            pytest.raises(PermissionError),
        ):
            inside.bind((LOOPBACK[4], 0))
        assert text.hits(53) >= 1
