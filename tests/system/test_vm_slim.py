"""stoker as the first process of a real kernel, with nothing beside it: boots, keys, ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from vm import Kernel, Machine, slim

pytestmark = [pytest.mark.system, pytest.mark.timeout(3600)]

KBREQUEST = """\
id = "target/kbrequest"
enabled = false
model = "transient"
ready = { exit = true }
exec_start = "echo ALT-UP WAS SEEN >/dev/console"
"""


@pytest.fixture(scope="module")
def image(kernel: Kernel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = slim(kernel, tmp_path_factory.mktemp("slim") / "cpio", {"kbrequest": KBREQUEST})
    yield path
    path.unlink()


def started(kernel: Kernel, image: Path, append: str = "") -> Machine:
    """Switched on. When it begins anew, a fresh emulator does that: in one that has run a kernel
    already the next one takes longer, at times twice as long.
    """
    return Machine(kernel.image, initrd=image, append=append, processors=2, once=True)


def pid_of(machine: Machine, name: str) -> int:
    """The process of a service, or of our own manager (""), as `status` shows it."""
    told = machine.run("stoker", "--system", "status", *([name] if name else ())).ok()
    found = re.search(r"process (\d+)", told)
    assert found, told
    return int(found[1])


def states(machine: Machine) -> dict[str, str]:
    """Each service's state."""
    rows = [line.split() for line in machine.run("stoker", "ls").ok().splitlines()[1:]]
    return {row[1]: row[0] for row in rows}


def test_boot_keys_a_killed_manager_reboot_and_the_power_button(
    kernel: Kernel, image: Path
) -> None:
    with started(kernel, image) as machine:
        machine.wait_agent()
        machine.until("stoker", "ls", "target/normal", shows="online")
        there = states(machine)
        assert there["agent"] == there["target/sysinit"] == there["target/basic"] == "online"
        assert machine.run("cat", "/proc/1/comm").status == 127  # nothing but a shell is there

        machine.press("alt", "up")
        machine.console.wait("ALT-UP WAS SEEN")

        manager, agent = pid_of(machine, ""), pid_of(machine, "agent")
        machine.run("sh", "-c", f"kill -9 {manager}").ok()
        machine.until("stoker", "--system", "status", shows="generation 2")
        assert pid_of(machine, "") != manager
        assert pid_of(machine, "agent") == agent
        assert states(machine)["agent"] == "online"

        machine.press("ctrl", "alt", "delete")
        machine.wait_gone("guest-reset")

    with started(kernel, image) as machine:
        machine.wait_agent()
        machine.until("stoker", "ls", "target/normal", shows="online")
        machine.power_button()
        machine.wait_gone()


def test_emergency_is_a_shell_and_then_normal(kernel: Kernel, image: Path) -> None:
    with started(kernel, image, "emergency") as machine:
        machine.console.wait("# ")
        machine.console.send("echo six times seven is $((6 * 7))\n")
        machine.console.wait("seven is 42")
        assert "normal: done" not in machine.console.text
        machine.console.send("stoker ls agent; echo status $?\n")
        machine.console.wait(r"offline[^\n]* agent ")
        machine.console.wait("status 0")
        machine.console.send("exit\n")
        machine.wait_agent()
        machine.ask("stoker", "system-control", "poweroff")
        machine.wait_gone()
