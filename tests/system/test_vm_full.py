"""A Debian machine with real daemons whose init we are: from power on to power off, and again.

Three boots, less than three minutes on two processors without KVM, once the image is made. What a
machine meets more rarely is in test_vm_more.py.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from vm import Kernel, Machine
from vm.daemons import DAEMONS, answers, clean, started, tool, wait_up
from vm.full import PASSWORD, WEST

pytestmark = [pytest.mark.system, pytest.mark.long, pytest.mark.timeout(7200)]

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
SERVICES = {"greedy": GREEDY, "forking": FORKING, "broken": BROKEN}


# All of them are one story, told in this order.


def test_a_life(kernel: Kernel, disks: tuple[Path, Path]) -> None:
    with started(kernel, disks) as machine:
        machine.wait_agent()
        login(machine, "root")
        assert "restarted cron" in typed(machine, "stoker restart cron")
        booted(machine)
        wait_up(machine)
        assert "online" in typed(machine, "stoker ls nginx")
        answers(machine)
        charted(machine)
        limited(machine)
        another_logs_in(machine)
        survives_its_manager(machine)
        names_what_is_broken(machine)
        machine.ask("stoker", "reboot")
        machine.wait_gone("guest-reset")


def test_another_one_and_no_end(kernel: Kernel, disks: tuple[Path, Path]) -> None:
    with started(kernel, disks) as machine:
        machine.wait_agent()
        wait_up(machine)
        local(machine)
        last = machine.run("last", "-x", "-n", "6").ok()
        assert "shutdown" in last
        assert "reboot" in last
        assert "the end before this: reboot, asked for by root" in machine.console.text
        # The plug is pulled on file systems that are being written.
        write = "while echo yes; do :; done 2>/dev/null"
        machine.run("sh", "-c", f"{write} >/root/yes & {write} >/var/tmp/yes & sleep 1; sync").ok()
    for disk in disks:
        assert "needs_recovery" in tool("dumpe2fs", "-h", str(disk))


def test_a_dirty_boot_and_a_failing_power_supply(kernel: Kernel, disks: tuple[Path, Path]) -> None:
    with started(kernel, disks) as machine:
        machine.wait_agent()
        wait_up(machine)
        assert "the machine did not end in order before this" in machine.console.text
        answers(machine)
        machine.run("rm", "/root/yes", "/var/tmp/yes").ok()
        machine.run("kill", "-PWR", "1").ok()
        machine.wait_gone()
        clean(machine, disks)


# -- a person


def login(machine: Machine, name: str) -> None:
    """By getty, login and PAM."""
    machine.console.wait("login: ")
    machine.console.send(f"{name}\n")
    machine.console.wait("assword: ")
    machine.console.send(f"{PASSWORD}\n")
    machine.console.wait(f"{name}@vm:[^\n]*[#$] ")


def typed(machine: Machine, command: str) -> str:
    """What a command says to a person who is logged in on the console."""
    machine.console.send(f"{command}; echo END$((40 + 2))\n")
    before = machine.console.at
    machine.console.wait("END42")
    return machine.console.seen[before : machine.console.at].decode("utf-8", "replace")


def another_logs_in(machine: Machine) -> None:
    """root logs out, ada logs in: her services run as long as she is there."""
    machine.console.send("exit\n")
    login(machine, "ada")
    typed(machine, "stoker --user wait --timeout 600s hers")
    assert "online" in typed(machine, "stoker --user ls hers")
    assert "ada" in machine.run("who").ok()
    assert "ada" in machine.run("ps", "-o", "user=", "-C", "sleep").ok()
    refused = typed(machine, "stoker --system restart cron")
    assert "restarted" not in refused
    machine.console.send("exit\n")
    machine.until("stoker", "ls", "user:ada", shows="(?m)^disabled ")
    assert "ada" not in machine.run("ps", "-eo", "user=").ok()


# -- what it is asked to be


def booted(machine: Machine) -> None:
    """The boot services did their work."""
    mounts = machine.run("cat", "/proc/mounts").ok()
    assert " / ext4 rw," in mounts
    assert " /var ext4 rw," in mounts
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
    # The definitions are good ones, and nothing that they name is missing.
    check = machine.run("stoker", "--system", "check").ok()
    assert "there is no service" not in check
    assert "would not start" not in check


def charted(machine: Machine) -> None:
    """The chart begins with the kernel, and leads through the targets to what was up last."""
    chart = json.loads(machine.run("stoker", "boot", "--json").ok())
    rows = {row["name"]: row for row in chart["services"]}
    assert 0 < chart["kernel"] < chart["manager"]
    for name in (
        "boot/udev-settle",
        "fsck/var",
        "target/sysinit",
        "target/normal",
        "getty:console",
    ):
        assert chart["manager"] <= rows[name]["started"] <= rows[name]["ready"]
    assert rows["boot/udev-settle"]["ready"] <= rows["target/sysinit"]["ready"]
    assert rows["target/sysinit"]["ready"] <= rows["nginx"]["started"]
    assert "svc:/target/sysinit:default" in chart["critical"]
    text = machine.run("stoker", "boot").ok()
    assert "(kernel)" in text
    assert "critical path:" in text


def limited(machine: Machine) -> None:
    """Limits hold, and what they did is told."""
    machine.run("stoker", "start", "greedy", "--no-wait").ok()
    told = machine.until("stoker", "status", "greedy", shows="memory was at its limit").output
    assert "the kernel killed process" in told
    machine.run("stoker", "start", "forking", "--no-wait").ok()
    machine.until("stoker", "logs", "forking", shows="3 .*Resource temporarily unavailable")
    find = "find /sys/fs/cgroup -path '*forking*' -name pids.max"
    shown = machine.run("sh", "-c", f"cd $(dirname $({find})) && cat pids.max cpu.max").ok()
    assert shown.split() == ["4", "50000", "100000"]
    machine.run("stoker", "stop", "forking").ok()


def local(machine: Machine) -> None:
    """The hardware's clock was taken for the time of where the machine is, and put right once."""
    code = "import time; print(time.time() - int(open('/sys/class/rtc/rtc0/since_epoch').read()))"
    ahead = float(machine.run("python3", "-c", code).ok())
    assert abs(ahead - WEST) < 1200, ahead


def survives_its_manager(machine: Machine) -> None:
    """The manager is killed: nothing of this is seen by a service."""
    before = machine.run("stoker", "ls", *DAEMONS).ok()
    status = machine.run("stoker", "status").ok()
    manager = status.partition("process ")[2].partition(",")[0]
    machine.run("kill", "-9", manager).ok()
    machine.until("stoker", "status", shows="generation 2")
    after = machine.run("stoker", "ls", *DAEMONS).ok()
    assert pids(before) == pids(after)
    answers(machine)


def names_what_is_broken(machine: Machine) -> None:
    shown = r"svc:/broken:default.*\n State: maintenance since .*\nReason: \S"
    machine.until("stoker", "svcs", "-x", shows=shown)
    assert "/usr/bin/there-is-none" in machine.run("stoker", "explain", "broken").ok()
    machine.run("stoker", "disable", "broken").ok()


def pids(listing: str) -> dict[str, str]:
    """Name to process of a table of `stoker ls`."""
    rows = [line.split() for line in listing.splitlines()[1:]]
    return {row[1]: row[2] for row in rows}
