"""What the bytes in `control` mean (nosh.md 4.2; svc(8), sv(8))."""

from __future__ import annotations

import signal

__all__ = ["SIGNALS", "WORDS"]

WORDS = {
    ord("u"): "start",
    ord("d"): "stop",
    ord("o"): "once",
    ord("O"): "last",
    ord("_"): "last",
    ord("x"): "unload",
}
"""What is wanted of the service. "last": it goes on, and is not run again; a stopped one stays so.
"""

SIGNALS = {
    ord("p"): (signal.SIGSTOP, "all"),
    ord("c"): (signal.SIGCONT, "all"),
    ord("h"): (signal.SIGHUP, "all"),
    ord("H"): (signal.SIGHUP, "main"),
    ord("a"): (signal.SIGALRM, "all"),
    ord("i"): (signal.SIGINT, "all"),
    ord("t"): (signal.SIGTERM, "all"),
    ord("T"): (signal.SIGTERM, "main"),
    ord("k"): (signal.SIGKILL, "all"),
    ord("K"): (signal.SIGKILL, "main"),
    ord("q"): (signal.SIGQUIT, "all"),
    ord("1"): (signal.SIGUSR1, "all"),
    ord("2"): (signal.SIGUSR2, "all"),
    ord("w"): (signal.SIGWINCH, "all"),
    ord("z"): (signal.SIGTSTP, "all"),
}
"""Signals, to all processes of the run or to its main process."""
