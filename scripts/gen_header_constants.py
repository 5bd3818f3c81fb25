"""Write ``bpfkit/compiler/include/header_constants.json``: the constants of the kernel's headers.

    gen_header_constants.py 5.10=COMMON:ARCH:BTF 6.1=COMMON:ARCH:BTF …

COMMON and ARCH are the unpacked ``linux-headers-*-common`` and ``linux-headers-*-amd64`` of Debian,
BTF the types of the same kernel; oldest first. libclang evaluates every object-like macro and every
enumerator of the UAPI headers (for x86_64 and aarch64), and the macros of the commonly used headers
below include/linux and include/net (with Debian's configuration, for x86_64). What is no integer
constant is left out, what depends on the configuration, and enumerators that the BTF of every
release has: they are looked up in the target's.

The table holds, for each header, a text of ``NAME=VALUES`` words. VALUES is one C literal, or one
for each release of RELEASES separated by commas: empty where the release has no such constant,
``~`` where the value is that of the release before.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from clang import cindex

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bpfkit.btf.decode import decode  # noqa: E402
from bpfkit.btf.types import Enum, Enum64  # noqa: E402

INCLUDE = ROOT / "bpfkit" / "compiler" / "include"
TARGET = INCLUDE / "header_constants.json"

# UAPI headers below linux/, by the start of their names, that no tracing or packet program looks
# at: devices, media, file formats, and families of netlink and ioctl for one tool each.
_UNUSED = """
a.out adb adfs affs agp amt android apm_ arcfb arm_sdei aspeed atalk atm audit auto_ ax25 b1lli bat
baycom bfs blkpg bpqether bsg btrfs_tree caif can capi cciss cdrom cec chio cifs close cm4000 cn_
coda coff comedi const counter cramfs cuda cxl cyclades dccp decnet devlink dlm dm- dma-heap dn.
dpa dpll drbd dvb efivar efs elf-fdpic erspan ethtool fb firewire fpga fsl_ fuse genwqe gfs2 gpio
gsmmux habanalabs handshake hdlc hdreg hfs hid hsi hyperv i2c i2o idxd if_eql if_fc if_hippi
if_macsec if_plip if_pppo if_slip iio ila ife input iommufd ip_vs ipmi ipx irda isdn iso_fs isst
ivtv jbd jffs joystick kcov kd keyboard kfd_ kvm.h lightnvm lirc loop lp. map_to matrox max2 mdio
media mei meye mii minix mmtimer mpls_ msdos mtio nbd ncp ndctl netfilter/ipset netfilter_arp
netfilter_bridge netfilter_ipv4/ netfilter_ipv6/ netrom nfc nfs4_acl nfsd_netlink nilfs2 nitro
nl80211 ntsync nubus nvme nvram omap openvswitch osf papr parport pci_regs pcitest pfkeyv2 pg.
phantom phonet pktcdvd pmu ppdev ppp pr. ps2esdi psci psp- qemu qnx qrtr raid/ rds reiserfs rfkill
rio_ rkisp romfs rose rpmsg rtc scc scif sctp sdla sed-opal seg6_genl serial serio sev- smc snmp
sonet sonypi sound soundcard stm surface suspend switchtec synclink sysctl tc_ematch/ tee thermal
ti_wil tipc toshiba tty_flags ubl udf ufs uhid uinput ultrasound usb userio uvc v4l2 vbox vboxguest
vdpa vfio vhost videodev virtio_ vmcore vtpm watchdog wimax wireless wmi x25 xilinx zero zfcp zorro
"""
SKIPPED = re.compile(
    f"asm/(?:kvm|svm|vmx|sgx|amd_hsmp)|linux/(?:{'|'.join(map(re.escape, _UNUSED.split()))})"
)
# Kernel headers whose constants programs use; the rest of include/linux is of drivers.
KERNEL = """
linux: aio backing-dev-defs backing-dev bio bits bitops blk-mq blk_types blkdev bpf bpf_verifier
 buffer_head capability cgroup-defs cgroup clocksource compaction completion cpu cpuhotplug
 cpumask cred dcache debugfs delay device dma-direction elevator errno etherdevice ethtool eventfd
 eventpoll exportfs fanotify fcntl fdtable file filter fs fs_struct fs_context fscache fscrypt
 fsnotify fsnotify_backend ftrace futex genhd gfp gfp_types hardirq highmem hrtimer huge_mm
 hugetlb icmp icmpv6 idr if_arp if_bridge if_ether if_macvlan if_team if_tun if_vlan igmp in in6
 inet inetdevice init_task inotify interrupt io_uring io_uring_types iocontext iov_iter ip ipc
 ipc_namespace ipv6 irq irqdesc irqdomain irqflags irqreturn jbd2 jiffies jump_label kallsyms
 kasan kernel kernfs key kernel_stat kexec kmod kobject kprobes kthread ktime kvm_host kvm_types
 limits list llist lockdep lockdep_types log2 lsm_hooks math64 memcontrol memory_hotplug memory
 mempolicy migrate migrate_mode minmax mm mm_types mman mmap_lock mmu_notifier mmzone
 mnt_namespace module moduleparam mount mroute mutex namei neighbour net netdev_features netdevice
 netfilter netfilter_ipv4 netlink nfs nfs4 nfs_fs nfs_page nfs_xdr nodemask notifier ns_common
 nsproxy oom page-flags page_counter pagemap path pci percpu percpu-refcount perf_event pgtable
 pid pid_namespace pipe_fs_i poll posix-timers posix_acl preempt printk proc_fs proc_ns profile
 psi psi_types ptrace quota radix-tree random ratelimit rbtree rculist rcupdate reboot rmap
 rtnetlink rwsem sbitmap scatterlist sched seccomp security sem seq_file shm shmem_fs shrinker
 signal signal_types skbuff skmsg slab slab_def slub_def smp sock_diag socket softirq spinlock
 splice stacktrace stat stddef string sunrpc/sched swap swapops syscalls sysctl sysfs
 task_io_accounting task_work taskstats_kern tcp thread_info threads tick time time64 timekeeping
 timer topology trace_events tracepoint tracefs tty tty_driver tty_ldisc tty_flip types uaccess
 udp uidgid uio un uprobes user user_namespace utsname vfs virtio virtio_net vm_event_item vmalloc
 vmpressure vmstat wait watchdog workqueue writeback xarray xattr zlib sched/signal sched/task
 sched/mm sched/topology sched/prio sched/rt sched/deadline sched/sysctl sched/user sched/coredump
 sched/jobctl vdso/time64 vdso/jiffies vdso/limits
net: act_api addrconf af_unix arp bond_alb bonding busy_poll checksum codel dsfield dst fib_rules
 flow flow_dissector gen_stats genetlink gro icmp if_inet6 inet_common inet_connection_sock
 inet_ecn inet_frag inet_hashtables inet_sock inet_timewait_sock inetpeer ip ip6_fib ip6_route
 ip_fib ip_tunnels ip_vs ipv6 lwtunnel mptcp ndisc neighbour net_namespace netevent netlink
 netns/generic netns/hash pkt_cls pkt_sched protocol raw red request_sock route rtnetlink
 sch_generic scm secure_seq snmp sock sock_reuseport tcp tcp_states tls udp vxlan xdp xdp_sock
 xfrm netfilter/nf_conntrack netfilter/nf_tables netfilter/nf_nat
asm-generic: errno-base fcntl
"""
ARCHITECTURES = {"x86_64": "x86", "aarch64": "arm64"}
NAME = re.compile(r"(?:__GFP_|___GFP_|__NR_|__O_|[A-Z])\w*")
DEFINE = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+(\S(?:[^\n\\]|\\.)*)", re.M | re.S)
SELF = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+\1[ \t]*(?:/\*.*)?$", re.M)
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
SHIMS = {
    "linux/compiler_types.h": "#define __user\n#define __force\n#define __iomem\n"
    "#define __must_check\n#define __always_inline inline\n#define inline __inline__\n"
    "#define __counted_by(m)\n#define __counted_by_le(m)\n#define __counted_by_be(m)\n",
    "linux/compiler.h": "#include <linux/compiler_types.h>\n",
    "stdarg.h": "typedef __builtin_va_list va_list;\n",
    "stddef.h": "typedef unsigned long size_t;\n#define NULL ((void *)0)\n"
    "#define offsetof(t, m) __builtin_offsetof(t, m)\n",
    "stdint.h": "typedef unsigned long uintptr_t;\n",
    "stdbool.h": "",
    "limits.h": "",
    "string.h": "",
    "time.h": "",
    "sys/socket.h": "struct sockaddr { unsigned short sa_family; char sa_data[14]; };\n",
    "sys/types.h": "",
    "sys/time.h": "",
    "sys/ioctl.h": "",
    "netinet/in.h": "",
    "net/if.h": "",
}
SUFFIX = {(4, False): "", (4, True): "U", (8, False): "L", (8, True): "UL"}


@dataclass(frozen=True)
class Tree:
    """The headers of one release."""

    release: str
    common: Path
    arch: Path
    btf: Path

    def uapi_flags(self, arch: str, shims: Path) -> list[str]:
        """Flags to parse UAPI headers as a program would."""
        folder = ARCHITECTURES[arch]
        flags = [f"--target={arch}-linux-gnu", f"-I{self.common}/arch/{folder}/include/uapi"]
        if arch == "x86_64":
            flags.append(f"-I{self.arch}/arch/x86/include/generated/uapi")
        return [*flags, f"-I{self.common}/include/uapi", f"-I{shims}"]

    def kernel_flags(self, shims: Path) -> list[str]:
        """Flags to parse internal headers as the kernel's build does."""
        places = [
            f"{self.common}/arch/x86/include",
            f"{self.arch}/arch/x86/include/generated",
            f"{self.common}/include",
            f"{self.arch}/include",
            f"{self.common}/arch/x86/include/uapi",
            f"{self.arch}/arch/x86/include/generated/uapi",
            f"{self.common}/include/uapi",
            f"{self.arch}/include/generated/uapi",
        ]
        return [
            "--target=x86_64-linux-gnu",
            *(f"-I{place}" for place in places),
            *("-D__KERNEL__", '-DKBUILD_MODNAME="x"', '-DKBUILD_BASENAME="x"'),
            *("-include", "linux/kconfig.h", "-include", "linux/compiler_types.h"),
            f"-idirafter{shims}",
            *("-fshort-wchar", "-funsigned-char", "-fms-extensions", "-mcmodel=kernel"),
        ]


def evaluate(
    tree: Tree, includes: Iterable[str], names: list[str], flags: list[str], own: str
) -> dict[str, str]:
    """Return the C literals of those of ``names`` that are integer constants.

    With ``own``, a header's path, the enumerators it declares are added.
    """
    lines = ["#include <linux/types.h>", *(f"#include <{name}>" for name in includes)]
    lines += ["#undef unix", "#undef linux"]
    first = len(lines)
    for number, name in enumerate(names):
        lines.append(f"#ifdef {name}")
        lines.append(
            f"enum {{ V{number} = (long long)({name}), T{number} ="
            f" sizeof({name}) * 2 + (((__typeof__({name}))-1) > 0) }};"
        )
        lines.append("#endif")
    base = ["-xc", "-std=gnu11", "-nostdinc", "-w", "-ferror-limit=0", "-ffreestanding"]
    unit = cindex.Index.create().parse(
        "main.c",
        [*base, *flags],
        unsaved_files=[("main.c", "\n".join(lines) + "\n")],
        options=cindex.TranslationUnit.PARSE_SKIP_FUNCTION_BODIES,
    )
    wrong: set[int] = set()
    for said in unit.diagnostics:
        if said.severity >= cindex.Diagnostic.Fatal:
            sys.stderr.write(f"{tree.release} {own or 'kernel'}: {said.spelling}\n")
        place = said.location
        if said.severity >= cindex.Diagnostic.Error and str(place.file) == "main.c":
            wrong.add((place.line - first - 1) // 3)
    found: dict[str, str] = {}
    values: dict[str, int] = {}
    for cursor in unit.cursor.get_children():
        if cursor.kind is not cindex.CursorKind.ENUM_DECL:
            continue
        file = cursor.location.file.name if cursor.location.file else ""
        if file == "main.c":
            values |= constants(cursor)
        elif own and file.endswith(f"/{own}"):
            for name, value in constants(cursor).items():
                if NAME.fullmatch(name):
                    found[name] = literal(value, 4, unsigned=False)
    for number, name in enumerate(names):
        if number not in wrong and f"V{number}" in values and f"T{number}" in values:
            kind = values[f"T{number}"]
            found.setdefault(
                name, literal(values[f"V{number}"], kind // 2, unsigned=bool(kind % 2))
            )
    return found


def constants(enum: cindex.Cursor) -> dict[str, int]:
    """Return the enumerators of an enumeration."""
    kind = cindex.CursorKind.ENUM_CONSTANT_DECL
    return {one.spelling: one.enum_value for one in enum.get_children() if one.kind is kind}


def literal(value: int, size: int, *, unsigned: bool) -> str:
    """Write a value as a C literal of its type; what is narrower than int is an int."""
    if size < 4:
        size, unsigned = 4, False
    if size == 4 and not unsigned and not -(1 << 31) <= value < 1 << 31:
        size = 8
    if unsigned:
        value &= (1 << (8 * size)) - 1
    text = str(value) if abs(value) < 100000 else hex(value)
    if size == 8 and not unsigned and value == -(1 << 63):
        return "(-0x7fffffffffffffffL-1)"
    return f"{text}{SUFFIX[min(size, 8), unsigned]}"


def names_in(path: Path) -> dict[str, list[str]]:
    """Return the object-like macros a header defines, with all bodies it gives them."""
    text = COMMENT.sub(" ", path.read_text(errors="replace"))
    found: dict[str, list[str]] = {}
    for name, body in DEFINE.findall(text):
        if NAME.fullmatch(name) and not body.startswith('"'):
            found.setdefault(name, []).append(" ".join(body.split()))
    return found


def uapi_headers(tree: Tree, arch: str) -> Iterator[tuple[str, Path]]:
    """Yield the UAPI headers to look at, as they are included."""
    base = tree.common / "include" / "uapi"
    for folder in ("linux", "asm-generic"):
        for path in sorted((base / folder).rglob("*.h")):
            name = str(path.relative_to(base))
            if not SKIPPED.match(name):
                yield name, path
    for root in (
        tree.common / "arch" / ARCHITECTURES[arch] / "include" / "uapi",
        tree.arch / "arch" / "x86" / "include" / "generated" / "uapi",
    ):
        if arch == "x86_64" or "generated" not in str(root):
            for path in sorted(root.glob("asm/*.h")):
                if not SKIPPED.match(f"asm/{path.name}"):
                    yield f"asm/{path.name}", path


def uapi_constants(tree: Tree, arch: str, shims: Path) -> dict[str, dict[str, str]]:
    """Return header to name to literal for the UAPI of a release."""
    flags = tree.uapi_flags(arch, shims)
    found: dict[str, dict[str, str]] = {}
    for header, path in uapi_headers(tree, arch):
        if header in ("asm/unistd_32.h", "asm/unistd_x32.h"):
            continue
        own = header.replace("asm-generic/", "asm/")
        specific = (tree.common / f"arch/{ARCHITECTURES[arch]}/include/uapi" / own).exists()
        values = evaluate(tree, [own if specific else header], list(names_in(path)), flags, header)
        if values:
            found[header] = values
    return found


def kernel_constants(tree: Tree, shims: Path) -> dict[str, dict[str, str]]:
    """Return header to name to literal for the internal headers of a release."""
    headers: list[str] = []
    for line in re.sub(r"\n ", " ", KERNEL).split("\n"):
        folder, _, names = line.partition(": ")
        for name in names.split():
            full = f"{name}.h" if name.startswith("vdso/") else f"{folder}/{name}.h"
            if (tree.common / "include" / full).exists():
                headers.append(full)
    bodies: dict[str, set[str]] = {}
    home: dict[str, str] = {}
    for header in headers:
        for name, texts in names_in(tree.common / "include" / header).items():
            bodies.setdefault(name, set()).update(texts)
            home.setdefault(name, header)
    sure = [n for n in home if len(bodies[n]) == 1 and not any("CONFIG_" in b for b in bodies[n])]
    values = evaluate(tree, headers, sure, tree.kernel_flags(shims), "")
    found: dict[str, dict[str, str]] = {}
    for name, value in values.items():
        found.setdefault(home[name], {})[name] = value
    return found


def flat(by_header: Mapping[str, Mapping[str, str]]) -> dict[str, tuple[str, str]]:
    """Return name to header and literal, without names that two headers give different values."""
    found: dict[str, tuple[str, str]] = {}
    bad: set[str] = set()
    for header, names in by_header.items():
        for name, value in names.items():
            if name in found and same(found[name][1]) != same(value):
                bad.add(name)
            found.setdefault(name, (header, value))
    return {name: value for name, value in found.items() if name not in bad}


def same(text: str) -> str:
    """Return a literal without its suffix, for comparing."""
    return text.rstrip("UL")


def columns(values: list[str]) -> str:
    """Join the values of all releases; that their C types differ does not count."""
    for i in range(len(values) - 1, 0, -1):
        if values[i] and same(values[i - 1]) == same(values[i]):
            values[i - 1] = values[i]
    if len(set(values)) == 1:
        return values[0]
    return ",".join(
        "~" if i and value and value == values[i - 1] else value for i, value in enumerate(values)
    )


def grouped(names: Iterable[str], releases: list[dict[str, tuple[str, str]]]) -> dict[str, str]:
    """Return header to words; a name stands with the header of the newest release."""
    found: dict[str, list[str]] = {}
    for name in sorted(names):
        header = next(one[name][0] for one in reversed(releases) if name in one)
        values = [one[name][1] if name in one else "" for one in releases]
        found.setdefault(header, []).append(f"{name}={columns(values)}")
    return {header: " ".join(words) for header, words in sorted(found.items())}


def taken() -> set[str]:
    """Return the names that are supplied in other ways."""
    supply = json.loads((INCLUDE / "supply.json").read_text())
    names = {name for header, one in supply.items() if header != "ORIGIN" for name in one}
    return names | json.loads((INCLUDE / "uapi_enumerators.json").read_text()).keys()


def enumerators(btf: Path) -> set[str]:
    """Return the enumerators of a kernel."""
    return {
        value.name
        for _, found in decode(btf.read_bytes())
        if isinstance(found, Enum | Enum64)
        for value in found.values
    }


def doubled(trees: list[Tree]) -> list[str]:
    """Return the enumerators that UAPI headers also define as themselves."""
    newest = trees[-1].common / "include" / "uapi"
    texts = (path.read_text(errors="replace") for path in sorted(newest.glob("linux/**/*.h")))
    return sorted({name for text in texts for name in SELF.findall(text) if NAME.fullmatch(name)})


def make_shims(trees: list[Tree], folder: Path) -> None:
    """Write what user space has of its own, and asm/ headers that are those of asm-generic/."""
    for name, text in SHIMS.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "asm").mkdir(exist_ok=True)
    for tree in trees:
        for path in (tree.common / "include" / "uapi" / "asm-generic").glob("*.h"):
            (folder / "asm" / path.name).write_text(f"#include <asm-generic/{path.name}>\n")


def main(arguments: list[str]) -> None:
    """Evaluate every release, join, write."""
    trees = []
    for argument in arguments:
        release, _, places = argument.partition("=")
        trees.append(Tree(release, *(Path(place) for place in places.split(":"))))
    everywhere: list[dict[str, tuple[str, str]]] = []
    special: dict[str, list[dict[str, tuple[str, str]]]] = {arch: [] for arch in ARCHITECTURES}
    with tempfile.TemporaryDirectory() as folder:
        make_shims(trees, Path(folder))
        for tree in trees:
            uapi = {a: flat(uapi_constants(tree, a, Path(folder))) for a in ARCHITECTURES}
            one, two = uapi.values()
            both = {n: v for n, v in one.items() if n in two and two[n][1] == v[1]}
            for arch, found in uapi.items():
                special[arch].append({n: v for n, v in found.items() if n not in both})
            inside = flat(kernel_constants(tree, Path(folder)))
            known = one.keys() | two.keys()
            both |= {n: v for n, v in inside.items() if n not in known}
            everywhere.append(both)
    skip = taken() | set.intersection(*(enumerators(tree.btf) for tree in trees))
    apart = {n for one in special.values() for release in one for n in release} - skip
    for releases in special.values():
        for release, shared in zip(releases, everywhere, strict=True):
            release |= {n: shared[n] for n in apart if n in shared}
    common_names = {n for release in everywhere for n in release} - skip - apart
    table: dict[str, object] = {
        "ORIGIN": "Debian's linux-headers packages, by scripts/gen_header_constants.py",
        "RELEASES": [tree.release for tree in trees],
        "DOUBLED": " ".join(doubled(trees)),
        "all": grouped(common_names, everywhere),
    }
    for arch, releases in special.items():
        names = {n for release in releases for n in release} & apart
        table[arch] = grouped(names, releases)
    TARGET.write_text(json.dumps(table, indent=0, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
