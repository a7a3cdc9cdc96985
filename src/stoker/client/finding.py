"""Which place a command means: the one given, or what is found from where we are."""

from __future__ import annotations

import os

from stoker.model import find_place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stoker.model import Place

__all__ = ["place_of"]


def place_of(
    directory: str | None = None, *, kind: str = "", runtime: str | None = None, start: str = "."
) -> Place:
    """The place of a project directory, of `kind` "user" or "system", or the nearest from `start`.

    `runtime` (else STOKER_RUNTIME_DIR) overrides where its runtime directory is. Raises UsageError.
    """
    try:
        here = os.getcwd() if start == "." else os.path.abspath(start)
    except FileNotFoundError:
        here = "/"  # the working directory is gone; a place may be given all the same
    return find_place(
        here, os.environ, os.getuid(), directory=directory, kind=kind, runtime=runtime
    )
