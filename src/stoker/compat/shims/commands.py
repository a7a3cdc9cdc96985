"""service, rc-service, invoke-rc.d, update-rc.d, chkconfig, rc-update, rcctl, initctl, start, stop,
status, systemctl and runlevel: from their words to those of `system-control`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from stoker.errors import UsageError

from ..nosh.bundles import asked_for_help, complain, options
from ..nosh.system_control import main as system_control

__all__ = [
    "chkconfig",
    "initctl",
    "invoke_rcd",
    "rc_service",
    "rc_update",
    "rcctl",
    "runlevel",
    "service",
    "start",
    "status",
    "stop",
    "systemctl",
    "update_rcd",
]

_RESTART = ("stop", "reset")
_INVOKED = {
    "start": ("reset",),
    "stop": ("stop",),
    "force-stop": ("stop",),
    "force-reload": ("condrestart",),
    "restart": _RESTART,
}
_UPDATED = {
    "enable": ("preset",),
    "defaults": ("preset",),
    "start": ("preset",),
    "stop": ("preset",),
    "disable": ("disable",),
    "remove": ("disable",),
}
_CHECKED = {"": ("is-enabled",), "reset": ("preset",), "on": ("enable",), "off": ("disable",)}
_OPENRC = {"add": ("preset",), "del": ("disable",), "delete": ("disable",)}
_UPSTART = {word: (word,) for word in ("start", "stop", "status")} | {
    "restart": ("stop", "start"),
    "show-config": ("show-json",),
}
"""What each word comes to: subcommands of `system-control`, one after the other."""


def systemctl(arguments: list[str]) -> int:
    """systemctl: `system-control` by another name."""
    return _same("systemctl", arguments, arguments, "[--user] SUBCOMMAND [OPTION…] NAME…")


def service(arguments: list[str]) -> int:
    """service: NAME COMMAND."""
    return _service("service", arguments)


def rc_service(arguments: list[str]) -> int:
    """rc-service: NAME COMMAND."""
    return _service("rc-service", arguments)


def _service(program: str, arguments: list[str]) -> int:
    if asked_for_help(program, arguments, "[--verbose] NAME COMMAND"):
        return 0
    words = list(arguments)
    try:
        given = options(words, {"-v": "verbose", "--verbose": "verbose"})
        name, word = _two(words, "a name", "a command")
    except UsageError as error:
        complain(program, error)
        return 1
    verbose = ["--verbose"] if "verbose" in given else []
    return _run([(one, *verbose, name) for one in ("stop", "start")] if word == "restart"
                else [(word, *verbose, name)])  # fmt: skip


def invoke_rcd(arguments: list[str]) -> int:
    """invoke-rc.d: NAME start|stop|force-stop|restart|force-reload."""
    return _mapped("invoke-rc.d", arguments, _INVOKED, {"-q": "", "--quiet": ""})


def update_rcd(arguments: list[str]) -> int:
    """update-rc.d: NAME enable|disable|remove|defaults."""
    words = [one for one in arguments if one not in ("-f", "--force")]
    if len(words) > 2 and words[1] in ("defaults", "start", "stop"):
        complain("update-rc.d", f"{words[1]}: run levels are passed over")
        words = words[:2]
    return _mapped("update-rc.d", words, _UPDATED)


def chkconfig(arguments: list[str]) -> int:
    """chkconfig: NAME [on|off|reset]."""
    return _mapped("chkconfig", [*arguments, ""] if len(arguments) == 1 else arguments, _CHECKED)


def rc_update(arguments: list[str]) -> int:
    """rc-update: add|del NAME [RUNLEVEL…]."""
    if len(arguments) > 2:
        complain("rc-update", "run levels are passed over")
    return _mapped("rc-update", arguments[1::-1], _OPENRC)


def initctl(arguments: list[str]) -> int:
    """initctl: start|stop|restart|status|show-config NAME, or version."""
    if arguments == ["version"]:
        return system_control(["version"])
    return _mapped("initctl", arguments[1::-1] + arguments[2:], _UPSTART)


def start(arguments: list[str]) -> int:
    """start: as Upstart has it."""
    return _same("start", arguments, ["start", *arguments])


def stop(arguments: list[str]) -> int:
    """stop: as Upstart has it."""
    return _same("stop", arguments, ["stop", *arguments])


def status(arguments: list[str]) -> int:
    """status: as Upstart has it."""
    return _same("status", arguments, ["status", *arguments])


def rcctl(arguments: list[str]) -> int:
    """rcctl: `system-control`, with get and set for a service's environment."""
    words = {"get": "print-service-env", "set": "set-service-env"}
    changed = [words.get(one, one) for one in arguments[:1]] + arguments[1:]
    return _same("rcctl", arguments, changed, "SUBCOMMAND [OPTION…] NAME…")


def runlevel(arguments: list[str]) -> int:
    """runlevel: there is none, in the two words that scripts expect."""
    if asked_for_help("runlevel", arguments, ""):
        return 0
    if arguments:
        complain("runlevel", "takes no arguments")
        return 1
    print("N N")
    return 0


def _same(
    program: str, arguments: list[str], changed: list[str], usage: str = "[OPTION…] NAME…"
) -> int:
    """What differs in a word at most."""
    return 0 if asked_for_help(program, arguments, usage) else system_control(changed)


def _mapped(
    program: str,
    arguments: Sequence[str],
    known: Mapping[str, tuple[str, ...]],
    switches: Mapping[str, str] | None = None,
) -> int:
    """NAME and a word of `known`."""
    usage = f"NAME {'|'.join(word for word in known if word)}"
    if asked_for_help(program, [one for one in arguments if one], usage):
        return 0
    words = list(arguments)
    try:
        options(words, switches or {})
        name, word = _two(words, "a name", "a command")
        if word not in known:
            raise UsageError(f"{word}: not one of {', '.join(one for one in known if one)}")
    except UsageError as error:
        complain(program, error)
        return 1
    return _run([(one, name) for one in known[word]])


def _two(words: Sequence[str], *what: str) -> tuple[str, str]:
    if len(words) != 2:
        more = f"{words[2]}: too much" if len(words) > 2 else f"{what[len(words)]} is needed"
        raise UsageError(more)
    return words[0], words[1]


def _run(commands: Sequence[Sequence[str]]) -> int:
    for one in commands:
        sys.stdout.flush()
        found = system_control(list(one))
        if found:
            return found
    return 0
