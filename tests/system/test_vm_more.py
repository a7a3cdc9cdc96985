"""What a Debian machine of ours meets more rarely: a root file system that had to be mended, a
syslog of our own. Boots apart from those of test_vm_full.py, on other disks, and with no limit to
how long they may take.
"""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from vm import Kernel, Machine
from vm.daemons import DAEMONS, answers, clean, started, tool, wait_up

pytestmark = [pytest.mark.system, pytest.mark.long, pytest.mark.timeout(7200)]


def test_a_mended_root_is_booted_anew(kernel: Kernel, disks: tuple[Path, Path]) -> None:
    """What fsck changes on the root file system the kernel has read already: so it says that the
    machine is to be started again.
    """
    for change in ("clri /root/.bashrc", "set_super_value state 0"):
        tool("debugfs", "-w", "-R", change, str(disks[0]))
    with started(kernel, disks) as machine:
        machine.console.wait("repaired; the machine is started anew")
        machine.wait_gone("guest-reset")
    with started(kernel, disks) as machine:
        machine.wait_agent()
        wait_up(machine)
        drawn = ElementTree.fromstring(machine.run("stoker", "boot", "--svg").ok())
        assert drawn.tag.endswith("svg")
        without_rsyslog(machine)
        machine.ask("stoker", "poweroff")
        machine.wait_gone()


def test_syslog_is_ours_where_nobody_else_has_it(kernel: Kernel, disks: tuple[Path, Path]) -> None:
    with started(kernel, disks) as machine:
        machine.wait_agent()
        wait_up(machine, tuple(name for name in DAEMONS if name != "rsyslog"))
        answers(machine, ("stoker", "logs", "log/syslog"))
        machine.power_button()
        machine.wait_gone()
        clean(machine, disks)


def without_rsyslog(machine: Machine) -> None:
    """From the next boot on, syslog is ours."""
    machine.run("stoker", "disable", "rsyslog").ok()
    machine.run("rm", "/usr/sbin/rsyslogd").ok()
    done = machine.run("stoker", "system", "install").ok()
    assert re.search("(?m)^ *write .*/log-syslog.toml", done), done
    assert "remove" not in done
