"""systemd as the system instance of a namespace, with a cgroup tree of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from .. import namespace
from .base import Absent, Edges, Peer, name_of
from .shapes import Commanded, Contained

_UNIT = """[Unit]
DefaultDependencies=no
PartOf=bench.target
StartLimitIntervalSec=0
{edges}[Service]
ExecStart={command}
Type={type}
Restart=always
RestartSec=0
"""


class _Place(Contained, Commanded):
    asking = "is-active"
    listing = ("list-units", "--no-pager", "--type=service")
    cgroup: Path | None = None

    def prepare(self, count: int, edges: Edges | None = None) -> None:
        self.count = count
        units = self.base / "units"
        units.mkdir()
        command = " ".join([str(self.service.program), *self.argument(edges, "notify")])
        kind = "exec" if edges is None else "notify"
        for number in range(count):
            before = edges.get(number, ()) if edges else ()
            names = " ".join(f"{name_of(one)}.service" for one in before)
            text = f"Requires={names}\nAfter={names}\n" if before else ""
            unit = _UNIT.format(edges=text, command=command, type=kind)
            (units / f"{name_of(number)}.service").write_text(unit)
        wants = " ".join(f"{name}.service" for name in self.names)
        target = f"[Unit]\nDefaultDependencies=no\nWants={wants}\n"
        (units / "bench.target").write_text(target)

    def start(self) -> None:
        mounted = namespace.cgroup2()
        if mounted is None:
            raise Absent("there is no cgroup2 that could be written")
        self.cgroup = mounted / f"bench-systemd-{os.getpid()}"
        self.cgroup.mkdir(exist_ok=True)
        setup = [
            "umount -R /sys/fs/cgroup",
            "mount -t cgroup2 cgroup2 /sys/fs/cgroup",
        ]
        words = ["/lib/systemd/systemd", "--system", "--unit=bench.target", "--log-target=null"]
        argv = namespace.unshare(setup, [*words, "--show-status=no"], cgroup=True)
        into = f'echo $$ > {self.cgroup}/cgroup.procs && exec "$@"'
        more = {"container": "bench", "SYSTEMD_UNIT_PATH": str(self.base / "units")}
        self.launch("/bin/sh", "-c", into, "sh", *argv, **more)

    def command(self, *words: str) -> list[str]:
        return namespace.enter(self.first, "systemctl", *words)

    def stop(self) -> None:
        self.run(*self.command("stop", "bench.target"), timeout=300)

    def close(self) -> None:
        super().close()
        if self.cgroup is not None:
            (self.cgroup / "cgroup.kill").write_text("1")
            for _ in range(200):
                for root, _dirs, _files in os.walk(self.cgroup, topdown=False):
                    try:
                        os.rmdir(root)
                    except OSError:  # its processes are just going
                        break
                if not self.cgroup.exists():
                    break
                time.sleep(0.05)


class Systemd(Peer):
    """systemd; control goes through nsenter, about a millisecond of each command's time."""

    name = "systemd"
    cgroups = True
    graphs = True
    place = _Place

    def version(self) -> str:
        self.root()
        if not os.path.exists("/lib/systemd/systemd"):
            raise Absent("systemd is not installed")
        if not shutil.which("systemctl", path=self.tools.environment()["PATH"]):
            raise Absent("systemctl is not installed")
        if not namespace.may_unshare() or namespace.cgroup2() is None:
            raise Absent("no namespace or cgroup2 can be made for it here")
        words = ["/lib/systemd/systemd", "--version"]
        text = subprocess.run(words, capture_output=True, text=True).stdout
        return text.split("\n")[0].removeprefix("systemd ")
