"""Making stoker the init of a root file system: what is written, what is left, what is undone.

`belonging` says what belongs into a machine, `placing` brings a list of files into a root and takes
it out again. Nothing here talks to a manager, runs a program or looks at the machine that it runs
on: only at the files below the root.

Invariants: all is looked at before anything is written, and everything is written beside its place
before the first file gets there; a file that is not ours is neither replaced nor removed; what was
done twice is as if done once; `uninstall` takes away exactly what is in the list that `install`
left, save what somebody changed since.
"""

from __future__ import annotations

from .belonging import Contents, contents
from .changing import change_root
from .knowing import is_machine
from .placing import LIST, Act, File, Placing

__all__ = ["LIST", "Act", "Contents", "File", "Placing", "change_root", "contents", "is_machine"]
