"""A Debian machine with real daemons whose init we are: from power on to power off, and again."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from vm import Kernel, Machine, fetch_kernel, qemu
from vm.full import NETWORK, PASSWORD, full, tree

pytestmark = [pytest.mark.system, pytest.mark.long, pytest.mark.timeout(7200)]

APPEND = "root=/dev/nvme0n1 rootfstype=ext4 ro devtmpfs.mount=1 net.ifnames=0"
DAEMONS = ("dbus", "rsyslog", "cron", "ssh", "nginx", "postgresql@15-main", "getty:console")
GREEDY = """\
enabled = false
exec_start = "exec python3 -c 'x = bytearray(400 << 20); input()'"
restart = { when = "never" }
limits = { memory = "64MB", missing = "refuse" }
"""
FORKING = """\
enabled = false
limits = { pids = 4, cpu = 0.5, missing = "refuse" }
exec_start = ["python3", "-c", '''
import os, time
for number in range(9):
    try:
        if os.fork() == 0:
            time.sleep(1000)
    except OSError as error:
        print(number, error, flush=True)
        time.sleep(1000)
''']
"""
BROKEN = 'exec_start = ["/usr/bin/there-is-none"]\nrestart = { limit = 1 }\n'


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Kernel:
    qemu()
    return fetch_kernel(tmp_path_factory.mktemp("kernel"))


@pytest.fixture(scope="module")
def disks(kernel: Kernel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """The root file system, and /var."""
    folder = tmp_path_factory.mktemp("full")
    folder.chmod(0o755)  # users of the tree look into it
    root = tree(folder)
    for name, text in (("greedy", GREEDY), ("forking", FORKING), ("broken", BROKEN)):
        path = root / f"etc/stoker/services/{name}.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    paths = full(root, kernel, folder)
    yield paths
    for path in paths:
        path.unlink()


@pytest.fixture
def machine(kernel: Kernel, disks: tuple[Path, Path]) -> Iterator[Machine]:
    """Switched on; its disks keep what is written."""
    with Machine(
        kernel.image,
        disks=disks,
        append=APPEND,
        memory=1024,
        keep=True,
        extra=NETWORK,
    ) as made:
        yield made


def login(machine: Machine) -> None:
    machine.console.wait("login: ")
    machine.console.send("root\n")
    machine.console.wait("assword: ")
    machine.console.send(f"{PASSWORD}\n")
    machine.console.wait("# ")


def typed(machine: Machine, command: str) -> str:
    """What a command says to a person who is logged in on the console."""
    machine.console.send(f"{command}; echo END$((40 + 2))\n")
    before = machine.console.at
    machine.console.wait("END42")
    return machine.console.seen[before : machine.console.at].decode("utf-8", "replace")


def wait_up(machine: Machine) -> None:
    machine.wait_agent()
    machine.run("stoker", "wait", *DAEMONS, "--timeout", "900s", seconds=1000).ok()


def answers(machine: Machine) -> None:
    """The daemons do their work, and not only run."""
    sql = machine.run("runuser", "-u", "postgres", "--", "psql", "-XtAc", "SELECT 6 * 7")
    assert sql.ok().strip() == "42"
    code = (
        "import socket, urllib.request as u; "
        "print(u.urlopen('http://127.0.0.1/', timeout=60).status, "
        "socket.create_connection(('127.0.0.1', 22), 60).recv(7))"
    )
    assert machine.run("python3", "-c", code).ok().strip() == "200 b'SSH-2.0'"
    machine.run("dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus",
                "/org/freedesktop/DBus", "org.freedesktop.DBus.ListNames").ok()  # fmt: skip
    machine.run("logger", "told to syslog").ok()
    machine.until("grep", "-c", "told to syslog", "/var/log/syslog", shows="[1-9]")


def test_a_life(machine: Machine) -> None:
    login(machine)
    wait_up(machine)
    assert "online" in typed(machine, "stoker ls nginx")
    assert "restarted cron" in typed(machine, "stoker restart cron")
    answers(machine)
    booted(machine)
    limited(machine)

    # A person logs out, and the next one may log in.
    machine.console.send("exit\n")
    login(machine)

    # The manager is killed: nothing of this is seen by a service.
    before = machine.run("stoker", "ls", *DAEMONS).ok()
    status = machine.run("stoker", "status").ok()
    manager = status.partition("process ")[2].partition(",")[0]
    machine.run("kill", "-9", manager).ok()
    machine.until("stoker", "status", shows="generation 2")
    after = machine.run("stoker", "ls", *DAEMONS).ok()
    assert pids(before) == pids(after)
    answers(machine)

    # What is broken says why.
    told = machine.until("stoker", "svcs", "-x", shows="broken").output
    assert "there-is-none" in told or "maintenance" in told, told
    machine.run("stoker", "disable", "broken").ok()

    machine.run("stoker", "reboot")
    machine.wait_end("guest-reset")
    login(machine)
    wait_up(machine)
    last = machine.run("last", "-x", "-n", "6").ok()
    assert "shutdown" in last
    assert "reboot" in last

    # A dirty end: the plug is pulled on a file system that is being written.
    machine.run("sh", "-c", "yes > /root/yes & sleep 1; sync").ok()


def test_a_dirty_boot_and_a_clean_end(machine: Machine, disk: Path) -> None:
    wait_up(machine)
    answers(machine)
    machine.run("rm", "-f", "/root/yes").ok()
    machine.run("stoker", "poweroff")
    machine.wait_gone()
    # Nothing is left to be mended: what was mounted was made read-only, or taken off.
    shown = subprocess.run(
        ["dumpe2fs", "-h", str(disk)], capture_output=True, text=True, check=True,
        env={"PATH": "/usr/sbin:/sbin"},
    )  # fmt: skip
    assert "needs_recovery" not in shown.stdout
    check = subprocess.run(
        ["e2fsck", "-fn", str(disk)], capture_output=True, text=True, check=False,
        env={"PATH": "/usr/sbin:/sbin"},
    )  # fmt: skip
    assert check.returncode == 0, check.stdout


def booted(machine: Machine) -> None:
    """The boot services did their work."""
    mounts = machine.run("cat", "/proc/mounts").ok()
    assert " / ext4 rw," in mounts
    assert " /srv/quick tmpfs " in mounts
    assert "/swapfile" in machine.run("cat", "/proc/swaps").ok()
    assert machine.run("cat", "/proc/sys/kernel/domainname").ok().strip() == "test.example"
    assert machine.run("uname", "-n").ok().strip() == "vm"
    assert len(machine.run("cat", "/etc/machine-id").ok().strip()) == 32
    assert "loop" in machine.run("lsmod").ok()
    assert "drwxr-x---" in machine.run("ls", "-ld", "/run/made-by-tmpfiles").ok()
    assert "UP" in machine.run("ip", "link", "show", "lo").ok()
    assert "root" in machine.run("who").ok()
    assert "reboot" in machine.run("last", "-x").ok()
    assert "Linux version" in machine.run("stoker", "logs", "log/kernel", "-n", "5000").ok()
    # A disk that is not there holds up nobody, and says what it waits for.
    told = machine.run("stoker", "explain", "mount/srv/absent").ok()
    assert "by-label/absent" in told


def limited(machine: Machine) -> None:
    """Limits hold, and what they did is told."""
    machine.run("stoker", "start", "greedy", "--no-wait").ok()
    machine.until("stoker", "status", "greedy", shows="says .*memory was at its limit")
    machine.run("stoker", "start", "forking", "--no-wait").ok()
    machine.until("stoker", "logs", "forking", shows="3 .*Resource temporarily unavailable")
    find = "find /sys/fs/cgroup -path '*forking*' -name pids.max"
    shown = machine.run("sh", "-c", f"cd $(dirname $({find})) && cat pids.max cpu.max").ok()
    assert shown.split() == ["4", "50000", "100000"]
    machine.run("stoker", "stop", "forking").ok()


def pids(listing: str) -> dict[str, str]:
    """Name to process of a table of `stoker ls`."""
    rows = [line.split() for line in listing.splitlines()[1:]]
    return {row[1]: row[2] for row in rows}
