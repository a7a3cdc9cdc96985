"""What takes long to make and is always the same, over several runs: where somebody asks for that.

STOKER_VM_CACHE names a directory; kernels and Debian's trees stay there until it is removed.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["kept"]


def kept(otherwise: Path) -> Path:
    """The directory that outlives the tests; where none is asked for, the one given."""
    named = os.environ.get("STOKER_VM_CACHE", "")
    folder = Path(named) if named else otherwise
    folder.mkdir(parents=True, exist_ok=True)
    return folder
