"""Points at which a test lets the recorder die: ``STOKER_FAULT=NAME:COUNT`` kills it at the
COUNTth passage of NAME.

Without the variable a point costs one call of an empty function. `POINTS` is what the tests
enumerate.
"""

from __future__ import annotations

import os
import signal

__all__ = ["POINTS", "point"]

POINTS = (
    "begun", "spliced", "announced", "read", "sized", "planned", "indexed", "written",
    "remembered", "counted", "closed", "ended", "rotating", "rotated", "committed",
)  # fmt: skip

_name, _, _count = os.environ.get("STOKER_FAULT", "").partition(":")
_left = int(_count.partition(":")[0] or "1")


def point(name: str) -> None:
    """Die here by SIGKILL, if this is the point and the passage that the environment names."""
    global _left
    if name == _name:
        _left -= 1
        if _left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


if not _name:

    def point(name: str) -> None:
        """Nothing: no point was named."""
