"""The full machine while it runs: to switch it on, to see that its daemons do their work, and that
its disks were left in order.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from .full import NETWORK
from .kernel import Kernel
from .machine import Machine

__all__ = ["DAEMONS", "answers", "clean", "started", "tool", "wait_up"]

DAEMONS = ("dbus", "rsyslog", "cron", "ssh", "nginx", "postgresql@15-main", "getty:console")
_APPEND = "root=/dev/nvme0n1 rootfstype=ext4 ro devtmpfs.mount=1 net.ifnames=0"
# By programs that are small: each second of an interpreter is ten of an emulated one.
_SQL = ("/usr/lib/postgresql/15/bin/psql", "-XtAc", "SELECT 6 * 7")
_ASKED = """\
exec 3<>/dev/tcp/127.0.0.1/80 && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && head -n 1 <&3
exec 3<>/dev/tcp/127.0.0.1/22 && head -c 7 <&3
"""


def started(kernel: Kernel, disks: tuple[Path, Path]) -> Machine:
    """Switched on; its disks keep what is written. When it begins anew, that is the end of this
    emulator, and a fresh one goes on with the disks.
    """
    return Machine(
        kernel.image,
        disks=disks,
        append=_APPEND,
        memory=1024,
        processors=2,
        keep=True,
        once=True,
        extra=NETWORK,
    )


def wait_up(machine: Machine, names: tuple[str, ...] = DAEMONS) -> None:
    """Until all of them are ready."""
    machine.run("stoker", "wait", *names, "--timeout", "900s", seconds=1000).ok()


def answers(machine: Machine, syslog: tuple[str, ...] = ("cat", "/var/log/syslog")) -> None:
    """The daemons do their work, and not only run. `syslog` shows what was told to it."""
    assert machine.run("runuser", "-u", "postgres", "--", *_SQL).ok().strip() == "42"
    told = machine.run("bash", "-c", _ASKED).ok()
    assert told.split("\r\n") == ["HTTP/1.1 200 OK", "SSH-2.0"], told
    machine.run("dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus",
                "/org/freedesktop/DBus", "org.freedesktop.DBus.ListNames").ok()  # fmt: skip
    machine.run("logger", "told to syslog").ok()
    machine.until(*syslog, shows="told to syslog")


def clean(machine: Machine, disks: tuple[Path, Path]) -> None:
    """Nothing is left to be mended: what was mounted was made read-only, or taken off."""
    assert "stays writable" not in machine.console.text
    for disk in disks:
        assert "needs_recovery" not in tool("dumpe2fs", "-h", str(disk))
        tool("e2fsck", "-fn", str(disk))


def tool(*words: str) -> str:
    """What a program of this machine, for file systems, says. It has to end well."""
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, env={"PATH": "/usr/sbin:/sbin"}
    )
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout
