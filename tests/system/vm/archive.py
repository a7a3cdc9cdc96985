"""An initramfs (initramfs buffer format: cpio "newc"), written without root and without cpio(1).

Device nodes are only bytes in it, so nobody needs to be allowed to make them. Not compressed: the
kernel would take longer to unpack it than to read it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

__all__ = ["Archive"]


class Archive:
    """Files by path, in the order in which they were added; directories above come by themselves.
    What is added again takes the place of what was there.
    """

    def __init__(self) -> None:
        self._entries: dict[str, tuple[int, bytes, tuple[int, int]]] = {}

    def directory(self, path: str, mode: int = 0o755) -> None:
        self._add(path, stat.S_IFDIR | mode, b"")

    def file(self, path: str, content: bytes | str, mode: int = 0o644) -> None:
        data = content.encode() if isinstance(content, str) else content
        self._add(path, stat.S_IFREG | mode, data)

    def link(self, path: str, target: str) -> None:
        self._add(path, stat.S_IFLNK | 0o777, target.encode())

    def device(self, path: str, major: int, minor: int, mode: int = 0o666) -> None:
        """A character device."""
        self._add(path, stat.S_IFCHR | mode, b"", (major, minor))

    def copy(self, source: str, path: str | None = None) -> None:
        """A file of this machine, links followed, under the same path or another."""
        data = Path(source).read_bytes()
        mode = stat.S_IMODE(os.stat(source).st_mode)
        self.file(path or source, data, mode)

    def tree(self, source: Path, path: str = "/") -> None:
        """All that lies below a directory of this machine, links as links."""
        for folder, folders, files in os.walk(source):
            base = os.path.join(path, os.path.relpath(folder, source))
            for name in sorted([*folders, *files]):
                real, inside = os.path.join(folder, name), os.path.normpath(f"{base}/{name}")
                if os.path.islink(real):
                    self.link(inside, os.readlink(real))
                elif os.path.isdir(real):
                    self.directory(inside, stat.S_IMODE(os.stat(real).st_mode))
                else:
                    self.copy(real, inside)

    def write(self, path: Path) -> None:
        """Write the archive."""
        with path.open("wb") as out:
            for number, (name, (mode, data, device)) in enumerate(self._entries.items(), 1):
                out.write(_record(number, name, mode, data, device))
            out.write(_record(0, "TRAILER!!!", 0, b"", (0, 0)))

    def _add(self, path: str, mode: int, data: bytes, device: tuple[int, int] = (0, 0)) -> None:
        name = os.path.normpath(path).strip("/")
        above = os.path.dirname(name)
        if above and above not in self._entries:
            self.directory(above)
        self._entries[name] = (mode, data, device)


def _record(number: int, name: str, mode: int, data: bytes, device: tuple[int, int]) -> bytes:
    called = os.fsencode(name) + b"\0"
    links = 2 if stat.S_ISDIR(mode) else 1
    fields = (number, mode, 0, 0, links, 0, len(data), 0, 0, *device, len(called), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + called
    return _padded(head) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
