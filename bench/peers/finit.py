"""finit as pid 1 of a namespace, with an /etc of its own; without cgroups."""

from __future__ import annotations

from pathlib import Path

from .. import namespace
from .base import Absent, Edges, Peer
from .shapes import Commanded, Contained


class _Place(Contained, Commanded):
    def prepare(self, count: int, edges: Edges | None = None) -> None:
        self.count = count
        etc = self.base / "etc"
        (etc / "finit.d").mkdir(parents=True)
        for name in ("passwd", "os-release", "group", "nsswitch.conf", "ld.so.cache"):
            if Path("/etc", name).exists():
                (etc / name).write_bytes(Path("/etc", name).read_bytes())
        (etc / "fstab").write_text("")
        (etc / "finit.conf").write_text("runlevel 2\n")
        # With a number each: those of one program are one service else.
        rows = [
            f"service [2345] name:{name} :{number} respawn log:null {self.service.program}\n"
            for number, name in enumerate(self.names, 1)
        ]
        (etc / "finit.d/bench.conf").write_text("".join(rows))

    def start(self) -> None:
        setup = [
            f"mount --bind {self.base}/etc /etc",
            "mount --bind /tmp /tmp",  # else it mounts an empty one there, and the service is gone
            "mount -t tmpfs -o ro tmpfs /sys/fs/cgroup",
            "mount --bind -o ro /proc/sys /proc/sys",
            "mount -o remount,ro,bind /proc/sys",
        ]
        argv = namespace.unshare(setup, [self.peer.program("finit")])
        libraries = self.peer.tools.libraries()
        self.launch(*argv, LD_LIBRARY_PATH=libraries)

    def command(self, *words: str) -> list[str]:
        libraries = f"LD_LIBRARY_PATH={self.peer.tools.libraries()}"
        program = self.peer.program("initctl")
        return namespace.enter(self.first, "env", libraries, program, *words)

    def stop(self) -> None:
        self.run(*self.command("runlevel", "1"), check=False)


class Finit(Peer):
    """finit. `initctl` does not wait for the end of what it asks for."""

    name = "finit"
    place = _Place

    def version(self) -> str:
        self.root()
        self.program("finit")
        self.program("initctl")
        if not namespace.may_unshare():
            raise Absent("no namespace can be made for it here")
        return self.debian("finit")
