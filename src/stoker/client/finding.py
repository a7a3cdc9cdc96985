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

    `runtime` (else STOKER_RUNTIME_DIR) overrides where its runtime directory is; a project or a
    user's place that was started with another one is found there all the same. Raises UsageError.
    """
    try:
        here = os.getcwd() if start == "." else os.path.abspath(start)
    except FileNotFoundError:
        here = "/"  # the working directory is gone; a place may be given all the same
    place = find_place(
        here, os.environ, os.getuid(), directory=directory, kind=kind, runtime=runtime
    )
    if place.kind != "system" and runtime is None and not os.environ.get("STOKER_RUNTIME_DIR"):
        _where_it_was_started(place)
    return place


def _where_it_was_started(place: Place) -> None:
    """What was started with another runtime directory has a link to it: a user's place from where
    XDG_RUNTIME_DIR is not the same, say.
    """
    try:
        found = os.readlink(place.state + "/run")
    except OSError:
        return  # the usual: it is the directory itself, or was never started
    if found.startswith("/") and os.path.isdir(found):
        place.runtime = found
