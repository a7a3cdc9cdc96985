"""A machine run by our system manager, in namespaces of its own (nosh.md 6; C55 to C64)."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator

import pytest
from machine import SOURCE, Machine

from stoker.system import NUMBERS

pytestmark = pytest.mark.timeout(600)

SERVICE = 'exec_start = ["/bin/sleep", "1000"]\n'


@pytest.fixture
def machine() -> Iterator[Machine]:
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        pytest.skip("needs unshare and nsenter")
    with Machine() as made:
        yield made


def processes(machine: Machine) -> dict[str, int]:
    """Keeper's programs and director by role, as the machine numbers them."""
    lines = machine.run("cat", "/run/stoker/keeper").stdout.splitlines()
    words = [line.split() for line in lines]
    return {one[0]: int(one[1]) for one in words if one[0] in ("manager", "recorder", "director")}


def up(machine: Machine, name: str, text: str, **environment: str) -> None:
    """Boot with one service, until that is online."""
    machine.define(name, text)
    machine.boot(**environment)
    machine.expect("normal: done")
    machine.stoker("wait", "--for", "online", name)


def state(machine: Machine, name: str) -> str:
    done = machine.stoker("ls", "--json", name, check=False)
    rows = json.loads(done.stdout)["instances"] if done.returncode == 0 else []
    return str(rows[0]["state"]) if rows else "?"


def test_it_comes_up_keeps_its_programs_and_goes_down_in_order(machine: Machine) -> None:
    machine.define("db", SERVICE)
    machine.define("web", SERVICE + '[[dependency]]\ntargets = ["db"]\n')
    machine.define(
        "last",
        'model = "transient"\nenabled = false\nexec_start = "date >>/var/log/hook"\n'
        'wanted_by = ["target/reboot"]\nbefore = ["target/reboot"]\nafter = ["target/shutdown"]\n',
    )
    machine.boot()
    machine.expect("sysinit: done")
    machine.expect("normal: done")
    assert machine.run("hostname").stdout == "of-its-own\n"
    machine.stoker("wait", "--for", "online", "web")

    before = processes(machine)
    web = machine.stoker("ls", "--json", "web").stdout
    for role, pid in before.items():
        machine.run("kill", "-KILL", str(pid))
        machine.eventually(
            lambda role=role, pid=pid: processes(machine)[role] not in (0, pid),
            f"{role} is not started again",
        )
    after = machine.stoker("ls", "--json", "web").stdout
    pids = [json.loads(text)["instances"][0]["pid"] for text in (web, after)]
    assert pids[0] == pids[1] != 0
    assert machine.text.count("sysinit: done") == 1, "a new director does not boot again"

    machine.stoker("shutdown", "-r", "now", "a new kernel", check=False)
    assert machine.ended() == "restart"
    last = machine.root / "lib/stoker/last-end.json"
    told = json.loads(last.read_text())
    assert (told["action"], told["why"], told["clean"]) == ("reboot", "a new kernel", True)
    assert (machine.root / "log/hook").exists(), "what the target wants runs"
    log = (machine.root / "log/stoker/stoker.log").read_text()
    assert "everything is down" in log


SLOW = """
model = "transient"
enabled = false
exec_start = "touch /run/begun; until [ -e /run/go ]; do sleep 0.1; done"
ready = { exit = true }
wanted_by = ["target/sysinit"]
before = ["target/sysinit"]
"""


@pytest.mark.long
def test_a_director_that_is_killed_while_it_boots_has_one_that_goes_on(machine: Machine) -> None:
    machine.define("slow", SLOW)
    machine.boot()
    machine.eventually(
        lambda: machine.run("test", "-e", "/run/begun", check=False).returncode == 0, "no sysinit"
    )
    machine.run("kill", "-KILL", str(processes(machine)["director"]))
    machine.run("touch", "/run/go")
    machine.expect("sysinit: done")
    machine.expect("normal: done")
    machine.signal(NUMBERS["poweroff"])
    assert machine.ended() == "off"


def test_emergency_is_a_shell_and_nothing_else(machine: Machine) -> None:
    machine.define("web", SERVICE)
    machine.boot("-b", STOKER_FORCE_SHELL="1")
    machine.expect("emergency shell")
    machine.type("echo it is $((40+2))\n")
    machine.expect("it is 42")
    assert state(machine, "target/sysinit") == "disabled"
    assert state(machine, "web") == "offline"
    machine.type("exit\n")
    machine.expect("normal: done")
    assert machine.stoker("wait", "--for", "online", "web").returncode == 0
    machine.signal(signal.SIGINT)  # as Ctrl-Alt-Del makes it
    assert machine.ended() == "restart"


def test_rescue_has_a_shell_beside_what_sysinit_brings(machine: Machine) -> None:
    machine.define("web", SERVICE)
    machine.define(
        "early",
        'model = "transient"\nenabled = false\nexec_start = "true"\n'
        'wanted_by = ["target/sysinit"]\nbefore = ["target/sysinit"]\n',
    )
    last = machine.root / "lib/stoker/last-end.json"
    last.parent.mkdir()
    last.write_text('{"action": "reboot", "who": "eve", "why": "a new kernel", "clean": true}\n')
    machine.boot("quiet", "single", container="test")
    machine.expect("the end before this: reboot, asked for by eve: a new kernel")
    machine.expect("rescue shell")
    assert json.loads(last.read_text())["clean"] is False
    assert state(machine, "early") == "online"
    assert state(machine, "web") == "offline"
    machine.signal(NUMBERS["normal"])
    machine.expect("normal: done")
    machine.stoker("wait", "--for", "online", "web")
    machine.stoker("telinit", "1")
    machine.expect("rescue shell", 2)
    machine.eventually(lambda: state(machine, "web") == "offline", "web goes on")
    machine.signal(NUMBERS["fast-halt"])
    assert machine.ended() == "exit 0", "a container just ends"
    assert json.loads(last.read_text())["clean"] is True


UPDATING = """
mount -t tmpfs tmpfs /usr/local/sbin
printf '#!/bin/sh\\necho updating; read word; echo "got $word"\\n' >/usr/local/sbin/system-update
chmod 755 /usr/local/sbin/system-update
"""


@pytest.mark.long
def test_update_is_a_program_on_the_console_and_then_normal(machine: Machine) -> None:
    machine.define("web", SERVICE)
    machine.boot("update", before=UPDATING)
    machine.expect("updating")
    assert state(machine, "web") == "offline"
    machine.type("this\n")
    machine.expect("got this")
    machine.expect("normal: done")
    machine.stoker("wait", "--for", "online", "web")
    machine.signal(NUMBERS["poweroff"])
    assert machine.ended() == "off"

    # Without such a program that is said, and the machine comes up.
    machine.boot("-o")
    machine.expect("system-update: No such file or directory")
    machine.expect("normal: done")
    machine.signal(NUMBERS["poweroff"])
    assert machine.ended() == "off"


STUBBORN = """
exec_start = "trap '' TERM; echo up; while :; do sleep 1000; done"
shutdown_timeout = "1000s"
ready = { log = "up" }
"""


def test_what_the_end_waits_for_is_shown_and_keys_are_heard(machine: Machine) -> None:
    up(machine, "deaf", STUBBORN)
    machine.stoker("poweroff", check=False)
    machine.expect("waiting for deaf")
    machine.type("e")
    machine.expect("the limit begins anew")
    assert machine.alive()
    machine.type("k")
    assert machine.ended() == "off"
    told = json.loads((machine.root / "lib/stoker/last-end.json").read_text())
    assert told["action"] == "poweroff"


@pytest.mark.long
def test_a_person_need_not_wait(machine: Machine) -> None:
    up(machine, "deaf", STUBBORN)
    machine.stoker("reboot", check=False)
    machine.expect("waiting for deaf")
    machine.type("s")
    assert machine.ended() == "restart"


@pytest.mark.long
def test_there_is_a_limit_to_all_waiting(machine: Machine) -> None:
    up(machine, "deaf", STUBBORN, STOKER_SHUTDOWN_LIMIT="2")
    machine.stoker("halt", check=False)
    machine.expect("halt: took too long, and is killed")
    machine.expect("not everything went down within 2 s; the rest is killed")
    assert machine.ended() == "off"


@pytest.mark.long
def test_a_hung_manager_holds_up_no_end(machine: Machine) -> None:
    up(machine, "web", SERVICE)
    machine.run("kill", "-STOP", str(processes(machine)["manager"]))
    machine.signal(NUMBERS["reboot"])
    assert machine.ended() == "restart"


@pytest.mark.long
def test_keys_do_what_they_are_for_when_a_manager_hangs(machine: Machine) -> None:
    up(machine, "web", SERVICE)
    machine.run("kill", "-STOP", str(processes(machine)["manager"]))
    machine.signal(signal.SIGINT)
    machine.expect("secure-attention-key: reboot instead")
    assert machine.ended() == "restart"


@pytest.mark.long
def test_programs_are_replaced_and_a_shutdown_is_taken_back(machine: Machine) -> None:
    up(machine, "web", SERVICE)
    before = processes(machine)
    pid = json.loads(machine.stoker("ls", "--json", "web").stdout)["instances"][0]["pid"]
    machine.stoker("reexec")
    machine.eventually(
        lambda: processes(machine)["manager"] not in (0, before["manager"]), "no other manager"
    )
    assert processes(machine)["director"] == before["director"]
    assert json.loads(machine.stoker("ls", "--json", "web").stdout)["instances"][0]["pid"] == pid

    assert "shutdown -c" in machine.stoker("shutdown", "+60", "nothing").stdout
    machine.eventually(
        lambda: machine.run("cat", "/run/stoker/system/shutdown").stdout, "nobody waits"
    )
    waits = machine.run("cat", "/run/stoker/system/shutdown").stdout.strip()
    machine.stoker("shutdown", "-c")
    machine.eventually(
        lambda: machine.run("kill", "-0", waits, check=False).returncode, "it goes on waiting"
    )
    assert machine.stoker("shutdown", "-c", check=False).returncode == 1

    machine.define("more", SERVICE)
    machine.stoker("telinit", "q")
    machine.eventually(lambda: state(machine, "more") == "online", "nothing was read again")
    machine.stoker("--system", "down", check=False)
    assert machine.ended() == "off"
    assert json.loads((machine.root / "lib/stoker/last-end.json").read_text())["action"] == "halt"


NO_CONSOLE = "mkdir /dev/console"
NO_RANDOM = "rm /dev/urandom /dev/random; mount -o remount,ro /dev"
FULL_DISK = """
for each in lib log; do
    mount -t tmpfs -o size=64k tmpfs /var/$each
    cat /dev/zero >/var/$each/filler 2>/dev/null || true
done
"""
NO_MANAGER = ": >empty; mount --bind empty {source}/stoker/daemon.py"
NO_DIRECTOR = ": >empty; mount --bind empty {source}/stoker/system/director.py"


def comes_up_all_the_same(machine: Machine, *, said: str = "") -> None:
    machine.define("web", SERVICE)
    machine.eventually(lambda: state(machine, "target/normal") == "online", "it does not come up")
    machine.stoker("wait", "--for", "online", "web")
    assert said in machine.text
    machine.signal(NUMBERS["poweroff"])
    assert machine.ended() == "off"


def test_it_comes_up_without_console_randomness_room_and_sense(machine: Machine) -> None:
    machine.define("web", SERVICE)
    machine.define("bad", "exec_start = 7\n")
    machine.boot(console=False, before=NO_CONSOLE + "\n" + NO_RANDOM + FULL_DISK)
    comes_up_all_the_same(machine)


@pytest.mark.long
def test_it_comes_up_without_a_console(machine: Machine) -> None:
    machine.define("web", SERVICE)
    machine.boot(console=False, before=NO_CONSOLE)
    comes_up_all_the_same(machine)


@pytest.mark.long
def test_it_comes_up_without_randomness(machine: Machine) -> None:
    machine.define("web", SERVICE)
    machine.boot(before=NO_RANDOM)
    comes_up_all_the_same(machine, said="API mounts: /dev/random: Read-only file system")


@pytest.mark.long
def test_it_comes_up_on_a_full_disk(machine: Machine) -> None:
    machine.define("web", SERVICE)
    machine.boot(before=FULL_DISK)
    comes_up_all_the_same(machine, said="what would be kept in /var/lib/stoker is lost at the end")


@pytest.mark.long
def test_it_comes_up_with_a_broken_definition(machine: Machine) -> None:
    machine.define("web", SERVICE)
    machine.define("bad", "exec_start = 7\n")
    machine.boot()
    machine.expect("bad.toml:1: ")
    comes_up_all_the_same(machine)


@pytest.mark.long
def test_there_is_a_shell_when_even_the_place_cannot_be_written(machine: Machine) -> None:
    machine.boot(before="mount -o remount,ro /run", STOKER_FORCE_SHELL="1")
    machine.expect("emergency shell")
    machine.type("echo it is $((40+2))\n")
    machine.expect("it is 42")
    machine.type("exit\n")
    machine.expect("emergency shell", 2)
    machine.stoker("reboot", "-ff", check=False)
    assert machine.ended() == "restart"


STALE = """
mkdir -p /run/stoker/system
echo '{"begun": true, "ending": "halt"}' >/run/stoker/system/state
"""
NO_DEFINITIONS = ": >empty; mount --bind empty {source}/stoker/formats/compile.py"


@pytest.mark.long
def test_a_container_whose_run_outlived_it_boots_anew(machine: Machine) -> None:
    machine.boot(before=STALE)
    machine.expect("normal: done")
    machine.signal(NUMBERS["poweroff"])
    assert machine.ended() == "off"


@pytest.mark.long
def test_there_is_a_shell_when_no_definition_can_be_read(machine: Machine) -> None:
    machine.boot(before=NO_DEFINITIONS.format(source=SOURCE), STOKER_FORCE_SHELL="1")
    machine.expect("going on without definitions")
    machine.expect("sysinit: emergency instead")
    machine.expect("emergency shell")
    machine.type("echo it is $((40+2))\n")
    machine.expect("it is 42")
    machine.signal(signal.SIGINT)
    machine.expect("secure-attention-key: reboot instead")
    assert machine.ended() == "restart"


@pytest.mark.long
def test_there_is_a_shell_when_no_director_lives(machine: Machine) -> None:
    machine.boot(before=NO_DIRECTOR.format(source=SOURCE), STOKER_FORCE_SHELL="1")
    machine.expect("no director gets ready")
    machine.type("echo it is $((40+2))\n")
    machine.expect("it is 42")
    machine.stoker("reboot", "-ff", check=False)
    assert machine.ended() == "restart"


def test_there_is_a_shell_when_no_manager_lives(machine: Machine) -> None:
    machine.boot(before=NO_MANAGER.format(source=SOURCE), STOKER_FORCE_SHELL="1")
    machine.expect("emergency shell")
    machine.type("echo it is $((40+2))\n")
    machine.expect("it is 42")
    machine.stoker("reboot", "--force", check=False)
    assert machine.ended() == "restart"
