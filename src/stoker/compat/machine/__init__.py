"""The commands that every init has: init, telinit, halt, poweroff, reboot, shutdown.

Where another program than ours is the first process they refuse, and nothing happens; so links of
these names are made only when they are asked for. What the words mean: nosh's shims (nosh.md 5.2,
6.4), shutdown(8) of Linux.
"""

from __future__ import annotations

__all__: list[str] = []
