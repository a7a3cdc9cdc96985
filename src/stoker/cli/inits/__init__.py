"""Registering a place's manager with the host's init: what is written, what is run, what is undone.

One module for the knowledge of each init's files (`texts`), one for finding the init and acting
(`registration`). Nothing here talks to a manager.

Invariants: a file that is not ours (`MARK` in it, or for a link: it leads where ours does) is
neither overwritten nor removed; with another root directory no command is run, because commands
would speak to the init of this machine; what `uninstall` removes is exactly what `install` would
write.
"""

from __future__ import annotations

from .registration import INITS, Act, Registration, detect, program
from .texts import MARK

__all__ = ["INITS", "MARK", "Act", "Registration", "detect", "program"]
