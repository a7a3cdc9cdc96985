"""A shell on the console, for a person who has the password of root.

`sulogin` where there is one, else a plain shell. `STOKER_FORCE_SHELL=1` on the kernel's command
line makes it one for who has no password of root because that account is locked: whoever may write
that line may have any shell. When it ends, the machine goes on to what it was asked to be: with the
argument `rescue` or `emergency` the first process is then asked for `normal`. With `update` it is
not a shell but the program `system-update` (nosh.md 8), which then has the console for itself.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import termios
import time
from collections.abc import Callable, Mapping

from .console import CONSOLE, show
from .signals import NUMBERS

__all__ = ["main", "shell_argv"]

_FORCE = "STOKER_FORCE_SHELL"
_UPDATE = "system-update"
_LOGINS = ("/sbin/sulogin", "/usr/sbin/sulogin")


def shell_argv() -> list[str]:
    """The plain shell, which takes the console by itself."""
    return ["/bin/sh", "-c", "exec /bin/sh -i </dev/console >/dev/console 2>&1"]


def login_argv(
    exists: Callable[[str], bool] = os.path.exists, environment: Mapping[str, str] = os.environ
) -> list[str]:
    """What a person gets. `exists`: how files are looked for."""
    found = next((path for path in _LOGINS if exists(path)), "")
    if not found or environment.get(_FORCE) == "1":
        return ["/bin/sh", "-i"]
    return [found]


def main(words: list[str]) -> int:
    """Have a shell on the console, and wait for its end. Returns its exit status."""
    mode = words[0] if words else ""
    take_console()
    updates = mode == "update"
    what = mode if updates else f"{mode or 'a'} shell"
    show(f"{what}; when it ends the machine goes on to normal (or: reboot, poweroff)")
    argv = [shutil.which(_UPDATE) or _UPDATE] if updates else login_argv()
    environment = {**os.environ, "HOME": "/root", "TERM": os.environ.get("TERM", "linux")}
    begun = time.monotonic()
    try:
        pid = os.posix_spawn(
            argv[0], argv, environment, setsigmask=(), setsigdef=signal.valid_signals()
        )
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except OSError as error:
        show(f"{argv[0]}: {error.strerror}")
        if not updates:
            return 127
        status = 127
    if time.monotonic() - begun < 1.0:
        time.sleep(1.0)  # it had no terminal, say: no shell that comes again at once
    if updates or (mode and status >= 0):
        os.kill(1, NUMBERS["sysinit"])
        os.kill(1, NUMBERS["normal"])
    return max(status, 0)


def take_console() -> None:
    """The console as our terminal and our first three descriptors, as far as it can be had."""
    try:
        os.setsid()
    except PermissionError:
        pass  # who started us did it
    for path in (CONSOLE, os.devnull):
        try:
            fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
        except OSError:
            continue
        try:
            fcntl.ioctl(fd, termios.TIOCSCTTY, 1)
        except OSError:
            pass  # no terminal: then without job control
        for target in (0, 1, 2):
            os.dup2(fd, target)
        return
