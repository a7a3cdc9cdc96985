"""`stoker run` at a terminal: the command has it whole, as though nobody stood between.

The command is the leader of a session of its own. For Ctrl-C and job control to reach it the
terminal has to be that session's (tty_ioctl(4)): we give it up, the command takes it.
"""

from __future__ import annotations

import os
import sys

__all__ = ["give_up", "is_there", "taking"]

_TAKE = (
    "import fcntl, os, sys, termios\n"
    "try:\n"
    "    fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
    "except OSError:\n"
    "    pass  # it is another session's: then there is no job control\n"
    "for number in (1, 2):\n"
    "    os.dup2(0, number)\n"
    "try:\n"
    "    os.execvp(sys.argv[1], sys.argv[1:])\n"
    "except OSError as error:\n"
    "    print(f'stoker: {sys.argv[1]}: {error.strerror}', file=sys.stderr)\n"
    "    sys.exit(126)\n"
)


def is_there() -> bool:
    """Whether a person is at our input and output."""
    return os.isatty(0) and os.isatty(1)


def taking(command: list[str]) -> list[str]:
    """The command that takes the terminal that is its input, and then becomes `command`."""
    return [sys.executable, "-I", "-S", "-c", _TAKE, *command]


def give_up() -> None:
    """Have no controlling terminal any more. That of a session whose leader we are not stays."""
    import fcntl
    import signal
    import termios

    if os.getsid(0) != os.getpid():
        return
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # which the terminal sends us for it
    try:
        fcntl.ioctl(0, termios.TIOCNOTTY)
    except OSError:
        pass  # it is not ours
    finally:
        signal.signal(signal.SIGHUP, before)
