"""system-control: one command for bundles, with a subcommand for everything (nosh.md 5)."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

from stoker import __version__
from stoker.errors import Failed, NoSuchService, StokerError, UsageError

from . import asking, service_control, service_show, service_status
from .bundles import Bundle, Searching, asked_for_help, complain, options
from .usage import USAGES, overview

__all__ = ["SUBCOMMANDS", "main"]

PROGRAM = "system-control"
_SWITCHES = {
    "-u": "user", "--user": "user", "-v": "verbose", "--verbose": "verbose", "-n": "pretend",
    "--pretend": "pretend", "--dry-run": "pretend", "--full": "full", "--colour": "colour",
    "--color": "colour", "--no-systemd": "no-systemd", "--no-system": "no-systemd",
    "--no-rcconf": "no-rcconf", "--ttys": "ttys", "--fstab": "fstab", "--critical-if-below-min":
    "critical", "--no-legend": "quiet", "--no-pager": "quiet", "-o": "overwrite",
    "--overwrite": "overwrite", "--etc-bundle": "etc", "--want-fsck": "fsck", "--alt-escape": "alt",
    "--no-ext-escape": "long",
}  # fmt: skip
_VALUED = {
    "--prefix": "prefix", "-p": "prefix", "--rcconf-file": "rc", "--log-lines": "lines",
    "-s": "minimum", "--min-seconds": "minimum", "--bundle-root": "root",
    "--mount-options": "options",
}  # fmt: skip
_HELP = (
    "[--user] SUBCOMMAND [OPTION…] NAME…\n\n"
    "SUBCOMMAND --help says more of one. Those of a line are the same:\n"
)
Given = dict[str, str]


def main(arguments: list[str]) -> int:
    """The command; its exit status: 0 done, 1 it failed or is not understood, 100 and 111 as the
    programs that ask have it.
    """
    words = list(arguments)
    if asked_for_help(PROGRAM, words, _HELP + overview()):
        return 0
    try:
        given = options(
            words,
            {"--user": "user", "-u": "user", "--full": "full", "--no-legend": "", "--no-pager": ""},
        )
        if not words:
            raise UsageError("a subcommand is needed")
        name = words.pop(0)
        act = SUBCOMMANDS.get(name)
        if act is None:
            raise UsageError(_unknown(name))
        if asked_for_help(f"{PROGRAM} {name}", words, USAGES[name]):
            return 0
        if act not in (_convert, _power, _init, _module):
            given |= options(words, _SWITCHES, _VALUED)
        return act(name, words, given)
    except BrokenPipeError:  # who read has enough
        raise
    except (StokerError, OSError) as error:
        complain(PROGRAM, error)
        return 1


def _unknown(name: str) -> str:
    """nosh would execute a program of that name."""
    from stoker.model import did_you_mean

    near = did_you_mean(name, SUBCOMMANDS)
    return f"there is no subcommand {name}" + (f" (did you mean {near}?)" if near else "")


def _wrong(name: str) -> UsageError:
    return UsageError(f"usage: {PROGRAM} {name} {USAGES[name]}".rstrip())


def _bundles(words: list[str], given: Given) -> list[Bundle]:
    return Searching("user" in given).all(words, given.get("prefix", ""))


def _one(name: str, words: list[str], given: Given) -> Bundle:
    if len(words) != 1:
        raise _wrong(name)
    return _bundles(words, given)[0]


# -- jobs


def _job(verb: str, _name: str, words: list[str], given: Given) -> int:
    bundles = _bundles(words, given)
    from .jobs import run

    user, verbose, pretend = (key in given for key in ("user", "verbose", "pretend"))
    return run(verb, verb, bundles, user=user, verbose=verbose, pretend=pretend)


def _control(letters: str, _name: str, words: list[str], given: Given) -> int:
    for bundle in _bundles(words, given):
        service_control.send(bundle.path, letters)
    return 0


# -- looking


def _status(_name: str, words: list[str], given: Given) -> int:
    paths = [one.path for one in _bundles(words, given)]
    return service_status.main([f"--log-lines={given.get('lines', service_status.LINES)}", *paths])


def _show(name: str, words: list[str], given: Given) -> int:
    paths = [one.path for one in _bundles(words, given)]
    return service_show.main(["--json", *paths] if name == "show-json" else paths)


def _find(_name: str, words: list[str], given: Given) -> int:
    for bundle in _bundles(words, given):
        print(bundle.path)
    return 0


def _cat(_name: str, words: list[str], given: Given) -> int:
    for bundle in _bundles(words, given):
        names = ["start", "stop", "run", "service", "restart"]
        for program in names:
            try:
                with open(f"{bundle.service}/{program}", errors="backslashreplace") as file:
                    text = file.read()
            except FileNotFoundError:
                if program != "service":
                    complain("cat", f"{program}: there is no such file")
                continue
            for line in text.splitlines():
                print(f"{program}:{line}")
    return 0


def _is(name: str, words: list[str], given: Given) -> int:
    asked = {"active": asking.is_up, "loaded": asking.is_ok, "enabled": asking.is_enabled}
    return asked[name.removeprefix("is-")]([_one(name, words, given).path])


def _is_client(_name: str, _words: list[str], given: Given) -> int:
    """Whether there is a service manager that takes datagrams."""
    import socket

    from stoker.client import place_of

    place = place_of(kind="user" if "user" in given else "")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        try:
            end.connect(f"{place.runtime}/rpc")
        except OSError:  # which is the answer
            return 100
    return 0


# -- enabling


def _enable(name: str, words: list[str], given: Given) -> int:
    from .enabling import disable, enable

    status = 0
    searching = Searching("user" in given)
    for word in words:
        try:
            bundle = searching.find(word, given.get("prefix", ""))
            (disable if name == "disable" else enable)(bundle)
        except (Failed, NoSuchService) as error:
            complain(name, error)
            status = 1
    return status


def _preset(name: str, words: list[str], given: Given) -> int:
    from .enabling import Presets, disable, enable

    presets = Presets("user" in given, os.environ, given.get("rc", ""))
    for bundle in _bundles(words, given):
        wanted = presets.decide(
            bundle,
            prefix=given.get("prefix", ""),
            files="no-systemd" not in given,
            rc="no-rcconf" not in given,
            ttys="ttys" in given,
            fstab="fstab" in given,
        )
        if "pretend" in given:
            print("enable" if wanted else "disable", bundle.path)
        else:
            (enable if wanted else disable)(bundle)
    return 0


# -- the environment of a service


def _set_env(name: str, words: list[str], given: Given) -> int:
    if len(words) not in (2, 3):
        raise _wrong(name)
    bundle, variable = _bundles(words[:1], given)[0], _variable(words[1])
    folder = f"{bundle.service}/env"
    os.makedirs(folder, 0o755, exist_ok=True)
    if len(words) == 2:
        if os.path.lexists(f"{folder}/{variable}"):
            os.unlink(f"{folder}/{variable}")
        return 0
    with open(f"{folder}/{variable}.new", "w", encoding="utf-8") as file:
        file.write(words[2].replace("\n", "\0") + "\n" if words[2] else "")
    os.replace(f"{folder}/{variable}.new", f"{folder}/{variable}")
    return 0


def _variable(name: str) -> str:
    if not name or "/" in name or "=" in name or name.startswith("."):
        raise UsageError(f"{name!r} is not the name of a variable")
    return name


def _print_env(name: str, words: list[str], given: Given) -> int:
    if len(words) not in (1, 2):
        raise _wrong(name)
    folder = f"{_bundles(words[:1], given)[0].service}/env"
    if len(words) == 2:
        value = _value(f"{folder}/{_variable(words[1])}", "full" in given)
        if value is None:
            return 1
        print(value)
        return 0
    try:
        names = sorted(one for one in os.listdir(folder) if one[0] != ".")
    except FileNotFoundError:
        return 0
    for variable in names:
        value = _value(f"{folder}/{variable}", "full" in given)
        print(f"{variable}={value}" if value else variable)
    return 0


def _value(path: str, full: bool) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            text = file.read()
    except (FileNotFoundError, IsADirectoryError):
        return None
    if not full:
        text = text.partition("\n")[0].rstrip(" \t")
    return text.removesuffix("\n").replace("\0", "\n")


# -- the rest


def _nagios(_name: str, words: list[str], given: Given) -> int:
    from .nagios import check

    try:
        least = int(given.get("minimum", "2"))
    except ValueError:
        raise UsageError("-s needs a number of seconds") from None
    return check(_bundles(words, given), least, "critical" in given)


def _escape(name: str, words: list[str], given: Given) -> int:
    from .escaping import escape, escape_otherwise

    if not words:
        raise _wrong(name)
    prefix = given.get("prefix", "")
    one = partial(escape_otherwise, short="long" not in given) if "alt" in given else escape
    print(" ".join(prefix + one(word) for word in words))
    return 0


def _convert(_name: str, words: list[str], given: Given) -> int:
    from .convert import main as convert

    return convert(["--user", *words] if "user" in given else words)


def _volumes(name: str, words: list[str], given: Given) -> int:
    """What has to do with fstab."""
    from . import volumes

    act = {
        "convert-fstab-services": volumes.convert_all,
        "write-volume-service-bundles": volumes.convert_one,
        "get-mount-what": volumes.mount_what,
        "get-mount-where": volumes.mount_where,
    }[name]
    return act(name, words, given)


def _targets(name: str, words: list[str], given: Given) -> int:
    """The standard targets, into a directory: nosh installs them with its packages."""
    from stoker.formats import roots

    from .targets import write_targets

    if len(words) > 1:
        raise _wrong(name)
    usual = roots("user" in given)["targets"][1 if "user" in given else 2]
    directory = words[0] if words else usual
    for one in write_targets(directory):
        print(f"{directory}/{one}")
    return 0


def _version(_name: str, _words: list[str], _given: Given) -> int:
    print(f"nosh version 1.40 (stoker {__version__})")
    return 0


def _power(name: str, words: list[str], given: Given) -> int:
    """What is the system manager's: a signal to it, or a byte to that of a user."""
    from stoker.system import tell, tell_user

    said = given | options(words, {**_SWITCHES, "-f": "force", "--force": "force"})
    if words:
        raise _wrong(name)
    event = _EVENTS.get(name, name)
    if "force" in said and event in ("halt", "poweroff", "reboot", "powercycle"):
        event = f"fast-{event}"
    (tell_user if "user" in said else tell)(event)
    return 0


def _init(_name: str, words: list[str], _given: Given) -> int:
    from stoker.system import init

    return init(words)


def _module(name: str, words: list[str], _given: Given) -> int:
    """load-kernel-module, unload-kernel-module: by the system's own modprobe."""
    import subprocess

    options(words, {})
    if not words:
        raise _wrong(name)
    remove = ["--remove"] if name.startswith("unload") else []
    try:
        return subprocess.run(["modprobe", *remove, "-a", "--", *words], check=False).returncode
    except FileNotFoundError:
        raise Failed("there is no modprobe here") from None


_EVENTS = {"single": "rescue", "default": "normal"} | {
    f"fast{name}": f"fast-{name}" for name in ("halt", "poweroff", "reboot", "powercycle")
}
"""Subcommands that go by another name than their event."""


Subcommand = Callable[[str, list[str], Given], int]
SUBCOMMANDS: dict[str, Subcommand] = {
    **dict.fromkeys(("start", "activate", "isolate"), partial(_job, "start")),
    **dict.fromkeys(("stop", "deactivate"), partial(_job, "stop")),
    "reset": partial(_job, "reset"),
    **dict.fromkeys(
        ("try-restart", "try-reload-or-restart", "condrestart", "force-reload"),
        partial(_control, "t"),
    ),
    "hangup": partial(_control, "H"),
    "unload-when-stopped": partial(_control, "x"),
    "status": _status,
    "show": _show,
    "show-json": _show,
    "find": _find,
    "cat": _cat,
    "is-active": _is,
    "is-loaded": _is,
    "is-enabled": _is,
    "is-service-manager-client": _is_client,
    "enable": _enable,
    "reenable": _enable,
    "disable": _enable,
    "preset": _preset,
    "set-service-env": _set_env,
    "print-service-env": _print_env,
    "nagios-check-service": _nagios,
    "escape": _escape,
    "convert-systemd-units": _convert,
    "convert-fstab-services": _volumes,
    "write-volume-service-bundles": _volumes,
    "get-mount-what": _volumes,
    "get-mount-where": _volumes,
    "write-standard-targets": _targets,
    "version": _version,
    **dict.fromkeys(
        (
            *("reboot", "halt", "poweroff", "powercycle", "fastreboot", "fasthalt"),
            *("fastpoweroff", "fastpowercycle", "emergency", "rescue", "single", "normal"),
            "default",
        ),
        _power,
    ),
    "init": _init,
    "load-kernel-module": _module,
    "unload-kernel-module": _module,
}
"""Every subcommand. One that is not here is an error; nosh would execute a program of that name."""
