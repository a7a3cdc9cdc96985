"""Which place a command means: the one given, or what is found from where we are."""

from __future__ import annotations

import os

from stoker.model import find_place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stoker.model import Place

__all__ = ["linked", "place_of"]


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
    XDG_RUNTIME_DIR is not the same, say. It counts too where that directory was removed, while what
    was started with it runs on.
    """
    found = linked(place)
    if not found or found == place.runtime:
        return  # the usual: it is the directory itself, or was never started
    if not os.path.isdir(found):
        from .lost import keeper_of

        if not keeper_of(found):
            return
    place.runtime = found


def linked(place: Place) -> str:
    """Where the link to a place's runtime directory leads, there or not; "" where there is no link,
    or what is there now is not of whoever made it: names in /tmp are anybody's.
    """
    link = place.state + "/run"
    try:
        found = os.readlink(link)
        maker = os.lstat(link).st_uid
    except OSError:
        return ""
    try:
        owner = os.stat(found).st_uid
    except OSError:
        owner = maker
    return found if found.startswith("/") and owner in (maker, os.getuid()) else ""
