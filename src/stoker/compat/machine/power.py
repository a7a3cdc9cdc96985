"""init, telinit, halt, poweroff, reboot, powercycle: one word to the first process."""

from __future__ import annotations

import os
import sys

from stoker.errors import StokerError, UsageError

__all__ = ["halt", "init", "powercycle", "poweroff", "reboot", "telinit"]

_SWITCHES = {
    "-f": "force", "--force": "force", "--halt": "halt", "-p": "poweroff",
    "--poweroff": "poweroff", "--reboot": "reboot", "-w": "record", "--wtmp-only": "record",
    "-ff": "force", "-d": "", "--no-wtmp": "", "-n": "", "-i": "", "--no-wall": "quiet",
}  # fmt: skip
_HELP = """usage: {name} [-f] [-p] [--no-wall]

-f, --force     at once: without the target of that name
-ff             by the kernel itself, whatever runs: nothing is stopped, and nothing unmounted
-p, --poweroff  switch the power off
--reboot        start anew instead
--no-wall       tell nobody who is logged in
-w              only write a record; -d, -n, -i change nothing here
"""


def init(arguments: list[str]) -> int:
    """As the first process, the system manager; else `init MODE`."""
    from stoker import system

    if _helped("init", arguments, "MODE: normal, rescue, emergency, halt, poweroff, reboot …"):
        return 0
    return system.main(arguments) if os.getpid() == 1 else system.init(arguments)


def telinit(arguments: list[str]) -> int:
    """As `init`; `q` has definitions read again."""
    from stoker import system

    if arguments in (["q"], ["Q"]):
        return _told("telinit", "reload")
    if _helped("telinit", arguments, "MODE, or q to have definitions read again"):
        return 0
    return system.init(arguments)


def halt(arguments: list[str]) -> int:
    """Stop the machine, its power left on."""
    return _end("halt", arguments)


def poweroff(arguments: list[str]) -> int:
    """Stop the machine, and switch its power off."""
    return _end("poweroff", arguments)


def reboot(arguments: list[str]) -> int:
    """Stop the machine, and start it anew."""
    return _end("reboot", arguments)


def powercycle(arguments: list[str]) -> int:
    """Stop the machine, and switch its power off and on again."""
    return _end("powercycle", arguments)


def _end(name: str, arguments: list[str]) -> int:
    if arguments[:1] in (["-h"], ["--help"], ["-?"]):
        print(_HELP.format(name=name), end="")
        return 0
    try:
        said = {_switch(name, word) for word in arguments}
    except UsageError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    forced = sum(word in ("-f", "--force") or 2 * (word == "-ff") for word in arguments)
    if "record" in said:
        from stoker.system import record_end

        try:
            record_end()
        except OSError as error:
            print(f"{name}: {error.filename}: {error.strerror}", file=sys.stderr)
            return 1
        return 0
    action = next((one for one in ("halt", "poweroff", "reboot") if one in said), name)
    if forced > 1:
        return _by_the_kernel(name, action)
    if "quiet" not in said and "force" not in said:
        _wall(action)
    return _told(name, f"fast-{action}" if "force" in said else action)


def _by_the_kernel(name: str, action: str) -> int:
    """For a machine whose first process does nothing more."""
    from stoker.linux import machine
    from stoker.system import is_first

    commands = {"halt": machine.HALT, "poweroff": machine.POWER_OFF}
    if not is_first():
        print(f"{name}: the machine has another system manager than stoker", file=sys.stderr)
        return 1
    os.sync()
    try:
        machine.reboot(commands.get(action, machine.RESTART))
    except OSError as error:
        print(f"{name}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def _switch(name: str, word: str) -> str:
    if word not in _SWITCHES:
        raise UsageError(f"{word!r} is not understood (see {name} --help)")
    return _SWITCHES[word]


def _wall(action: str) -> None:
    from stoker.system import is_first, wall

    if is_first():
        wall(f"The system goes down now: {action}.")


def _told(name: str, event: str) -> int:
    from stoker.system import tell

    try:
        tell(event)
    except StokerError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    return 0


def _helped(name: str, arguments: list[str], text: str) -> bool:
    if arguments[:1] in (["-h"], ["--help"], ["-?"]) and (name != "init" or os.getpid() != 1):
        print(f"usage: {name} {text}".rstrip())
        return True
    return False
