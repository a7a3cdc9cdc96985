"""The commands that tell the first process what to be (nosh.md 5.2, 6.2, 6.4).

Each is a signal to process 1, before which RUN/system/request says who asks and why. Names are
those of `system-control`'s subcommands and of the commands of other inits.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import NoReturn

from stoker.errors import Failed, Refused, StokerError, UsageError

from . import reason
from .modes import event_of
from .signals import NUMBERS, POWER

__all__ = ["init", "is_first", "run_directory", "tell", "tell_user", "who_asks"]

_USER_BYTES = {"normal": "n", "sysinit": "S", "rescue": "s", "emergency": "b", "halt": "h",
               "poweroff": "p", "reboot": "r", "powercycle": "c", "fast-halt": "H",
               "fast-poweroff": "P", "fast-reboot": "R", "fast-powercycle": "C"}  # fmt: skip


def run_directory() -> str:
    """Where the machine's manager runs."""
    return os.environ.get("STOKER_MACHINE_RUN", "/run/stoker")


def who_asks() -> str:
    """The person behind this process, as far as it can be told."""
    import pwd

    for name in ("SUDO_USER", "DOAS_USER", "LOGNAME"):
        if os.environ.get(name):
            return os.environ[name]
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def is_first() -> bool:
    """Whether the first process is a system manager of ours."""
    try:
        with open("/proc/1/cmdline", "rb") as file:
            return b"stoker.system" in file.read()
    except OSError:
        return False


def tell(event: str, why: str = "", *, who: str = "") -> None:
    """Have the first process do this. Raises Refused, Failed."""
    action = event.removeprefix("fast-")
    if not is_first():
        raise Refused(f"{action} is for the machine's system manager, which stoker is not here")
    if action == event and action in POWER:
        try:
            reason.request(run_directory(), action, who or who_asks(), why)
        except OSError:
            pass  # without a reason it ends all the same; who may not write may not signal either
    try:
        os.kill(1, NUMBERS[event])
    except PermissionError:
        raise Refused(f"you may not {action} this machine", hint="as root") from None
    except OSError as error:
        raise Failed(f"the first process: {error.strerror}") from None


def _user_control() -> str:
    import pwd

    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        raise Failed(f"uid {os.getuid()} has no name, and no manager of a user") from None
    return f"/run/user/{name}/per-user-manager/control"


def tell_user(event: str, path: str = "") -> None:
    """The same for the manager of a user: one byte to its FIFO. Raises Failed."""
    if event in ("rescue", "emergency"):
        raise Failed(f"a user's manager has no {event} mode")
    path = path or _user_control()
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.write(fd, _USER_BYTES[event].encode())
        finally:
            os.close(fd)
    except OSError as error:
        raise Failed(f"{path}: {error.strerror}") from None


def _update() -> NoReturn:
    """Become the program `update` (nosh.md 6.4): a mode of its own it is only at boot."""
    try:
        os.execvp("update", ["update"])
    except OSError as error:
        raise Failed(f"the program update: {error.strerror}") from None


def init(words: Iterable[str]) -> int:
    """The command `init`, as somebody else than the first process: `init MODE`."""
    try:
        event, unknown = event_of(words)
        for word in unknown:
            print(f"init: {word}: not understood, and passed over", file=sys.stderr)
        if not event:
            raise UsageError("a mode is needed: normal, rescue, emergency, halt, reboot, poweroff")
        if event == "update":
            _update()
        if event in ("normal", "rescue"):
            tell("sysinit")
        tell(event)
    except StokerError as error:
        print(f"init: {error}", file=sys.stderr)
        return 1
    return 0
