"""A host with an init of its own, in namespaces: what `stoker install` registers with, live.

Its first process sees its own processes, mounts, cgroups, /run, /etc, /var/lib and /var/log.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 120.0
STOKER = str(Path(sys.executable).parent / "stoker")
NAMESPACES = ("--pid", "--fork", "--kill-child", "--mount", "--uts", "--ipc", "--cgroup")
FORBIDDEN = "-sys_time,-sys_module,-sys_boot,-sys_rawio,-syslog,-mknod"
"""Capabilities that would reach beyond the namespaces."""

SETUP = """
set -e
echo $$ >"$2/cgroup.procs"
exec unshare $3 --mount-proc /bin/sh -c '
    set -e
    cd "$1"
    mount --bind etc /etc
    mount --bind lib /var/lib
    mount --bind log /var/log
    mount -t tmpfs -o mode=755 tmpfs /run
    umount -R /sys/fs/cgroup
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    shift 3
    exec setpriv --bounding-set "$@"
' sh "$@"
"""


class Host:
    """One host. As a context manager it leaves nothing behind."""

    def __init__(self, cgroups: Path) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="host."))
        self.cgroup = cgroups / self.root.name
        for name in ("etc/stoker/services", "lib", "log"):
            (self.root / name).mkdir(parents=True)
        for name in ("passwd", "group", "nsswitch.conf", "ld.so.cache", "localtime"):
            if os.path.exists(f"/etc/{name}"):
                shutil.copy(f"/etc/{name}", self.root / "etc" / name)
        self.file("etc/machine-id", "0123456789abcdef0123456789abcdef\n")
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Host:
        return self

    def __exit__(self, *_exc: object) -> None:
        if self.process is not None:
            self.process.kill()  # and with it, by --kill-child, the first process, and so all
            self.process.wait()
        with contextlib.suppress(FileNotFoundError):
            self.until(self._swept, "its cgroups do not empty")
        shutil.rmtree(self.root, ignore_errors=True)

    def _swept(self) -> bool:
        for folder, _dirs, _files in os.walk(self.cgroup, topdown=False):
            try:
                os.rmdir(folder)
            except OSError:  # its processes are just going
                return False
        return not self.cgroup.exists()

    def file(self, path: str, text: str, mode: int = 0o644) -> None:
        """A file of the host."""
        found = self.root / path
        found.parent.mkdir(parents=True, exist_ok=True)
        found.write_text(text)
        found.chmod(mode)

    def boot(self, *first: str, **more: str) -> None:
        """Start it, with this first process; `more`: of its environment."""
        self.cgroup.mkdir()
        words = [str(self.root), str(self.cgroup), " ".join(NAMESPACES), FORBIDDEN, *first]
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", SETUP, "sh", *words],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "container": "test", **more},
            stdin=subprocess.DEVNULL,
            stdout=(self.root / "out").open("wb"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def first(self) -> int:
        """The first process, as it is numbered out here."""
        assert self.process is not None
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        found: str = self.until(path.read_text, "no first process")
        return int(found.split()[0])

    def run(self, *words: str, status: int | None = 0) -> str:
        """Output of a program inside. `status`: what it must end with; None: whatever."""
        done = subprocess.run(
            ["nsenter", "-t", str(self.first), "-m", "-p", "-u", "-i", "-C", *words],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert status in (None, done.returncode), f"{words}: {done}\n{self.story()}"
        return done.stdout.strip()

    def stoker(self, *words: str) -> str:
        """Output of a command of ours inside, about the place of the system."""
        return self.run(STOKER, "--system", *words)

    def until(self, look: Callable[[], Any], why: str) -> Any:
        """Wait for something outside our reach to become so."""
        end = time.monotonic() + PATIENCE
        while not (found := look()):
            assert time.monotonic() < end, f"{why}\n{self.story()}"
            time.sleep(0.02)
        return found

    def story(self) -> str:
        """What it has said, for a failure."""
        path, log = self.root / "out", self.root / "log/stoker/stoker.log"
        return "\n".join(one.read_text(errors="replace") for one in (path, log) if one.exists())


def cgroups() -> Path:
    """Where hosts' cgroups can be made; the test is skipped where they cannot."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        words = line.split()
        if words[2] == "cgroup2" and os.access(words[1], os.W_OK):
            return Path(words[1])
    pytest.skip("no cgroup2 that could be written is mounted here")
