"""Stand-ins for apt, dpkg-deb and depmod: an archive with packages that unpack to small kernels."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

from tests.fakes.kernel_files import bzimage, script, vmlinux, write

RELEASE = "6.1.0-9-amd64"
NAME = f"linux-image-{RELEASE}"
VERSION = "6.1.9-1"
DEB = b"the package"
SHA256 = hashlib.sha256(DEB).hexdigest()

_STANZA = f"""\
Package: {NAME}
Version: {VERSION}
Depends: kmod, initramfs-tools | dracut
Size: {len(DEB)}
SHA256: {SHA256}
"""


class DebianTools:
    """Programs in ``directory`` that append what they were asked to ``log``."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.log = directory / "log"
        self.image = write(directory / "image", bzimage(gzip.compress(vmlinux()), RELEASE))
        self.keyring = write(directory / "keyring.gpg")
        write(directory / "stanza", _STANZA)
        write(directory / "deb", DEB)
        self.script("apt-config", "")
        self.script(
            "apt-get",
            f'test "$1" = update || cp {directory}/deb "{NAME}_{VERSION}_amd64.deb"',
        )
        self.script("apt-cache", f'test "$1" = pkgnames && echo {NAME} || cat {directory}/stanza')
        self.script(
            "dpkg-deb",
            f'mkdir -p "$3/boot" "$3/lib/modules/{RELEASE}/kernel"\n'
            f'cp {self.image} "$3/boot/vmlinuz-{RELEASE}"\n'
            f'echo CONFIG_BPF=y > "$3/boot/config-{RELEASE}"\n'
            f'echo map > "$3/boot/System.map-{RELEASE}"\n'
            f'echo module > "$3/lib/modules/{RELEASE}/kernel/a.ko"\n'
            f'ln -s /usr/src/x "$3/lib/modules/{RELEASE}/build"',
        )
        self.script("depmod", 'touch "$2/lib/modules/$3/modules.dep"')

    def script(self, name: str, text: str) -> None:
        """Make one of the programs do ``text``."""
        script(self.directory, name, f'echo "{name} $*" >> {self.log}\n{text}')

    def environ(self) -> dict[str, str]:
        """The environment that names an archive on any machine."""
        return {
            "PATH": f"{self.directory}:/usr/bin:/bin",
            "VMLAB_DEBIAN_MIRROR": "http://mirror.example/debian",
            "VMLAB_DEBIAN_KEYRING": str(self.keyring),
        }

    def calls(self) -> list[str]:
        """The names of the programs that ran, in order."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [" ".join(line.split()[:2]) for line in lines]
