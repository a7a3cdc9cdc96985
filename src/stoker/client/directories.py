"""The directories of a place that is to be started: made where they are missing, and trusted only
if they are ours. To a runtime directory that is elsewhere a link in the state directory leads.
"""

from __future__ import annotations

import errno
import os

from stoker.errors import Busy, Failed, NoManager, Refused, UsageError

from .fast import Client
from .finding import linked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stoker.model import Place

__all__ = ["make_directories", "which"]


def which(place: Place) -> str:
    """The words that name it in a command."""
    return f"-C {place.name}" if place.kind == "project" else f"--{place.kind}"


def make_directories(place: Place) -> None:
    """Make the directories that are ours. Raises Refused, Failed, Busy where a keeper has the place
    with another runtime directory, UsageError for a path that is not text.
    """
    _text(place)
    try:
        if place.passes:  # where everything is below it
            os.makedirs(os.path.dirname(place.runtime), 0o700, exist_ok=True)
            os.makedirs(place.runtime, 0o700, exist_ok=True)
        os.makedirs(place.state, 0o755, exist_ok=True)
        if place.kind == "project" and not place.passes:
            _keep_out_of_git(place.state)
        if place.kind != "system" and not place.passes:
            _point_to(place)
        os.makedirs(place.logs, 0o700, exist_ok=True)
        above = os.path.dirname(place.runtime)
        if not os.path.isdir(above):
            os.makedirs(above, 0o700, exist_ok=True)
        os.makedirs(place.runtime, 0o700, exist_ok=True)
        for path in {above, place.runtime}:
            _ours(path, place)
    except OSError as error:
        kind = Refused if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) else Failed
        raise kind(
            f"{error.filename or place.runtime}: {error.strerror}",
            hint="stoker keeps its socket, logs and choices there; --runtime-dir moves the first",
        ) from None


def _text(place: Place) -> None:
    """Paths stand in answers and files that are JSON, which has no other than Unicode."""
    for path in (*place.directories, place.working_directory, place.runtime, place.state):
        try:
            path.encode()
        except UnicodeEncodeError:
            shown = os.fsencode(path).decode("utf-8", "backslashreplace")
            raise UsageError(f"{shown}: its path is not UTF-8", hint="rename it") from None


def _point_to(place: Place) -> None:
    """Leave a link to a runtime directory that is elsewhere. Raises Busy when one is in use."""
    link = place.state + "/run"
    other = _another(place, link)
    keeper = _keeper_in(other, place) if other else 0
    if keeper:
        raise Busy(
            f"keeper {keeper} has {place.name}, with the runtime directory {other}",
            hint=f"stoker --runtime-dir {other} {which(place)} down",
        )
    if os.path.islink(link) and (place.runtime == link or os.readlink(link) != place.runtime):
        os.unlink(link)
    if place.runtime != link and not os.path.lexists(link):
        try:
            os.symlink(place.runtime, link)
        except FileExistsError:
            pass  # another `up` of this place, at the same moment, with the same meaning


def _another(place: Place, link: str) -> str:
    """The runtime directory that it was started with, if that is not this one; else ""."""
    if os.path.islink(link):
        other = linked(place)
        if place.runtime == link:
            return other
    else:
        # Where nothing is any more, a keeper may run that was started with a directory there.
        other = link if os.path.isdir(link) or not os.path.lexists(link) else ""
    return "" if os.path.realpath(other) == os.path.realpath(place.runtime) else other


def _keeper_in(runtime: str, place: Place) -> int | str:
    """Which keeper has this runtime directory, be it removed or without its socket; 0 for none."""
    from .lost import holder_of, keeper_of

    client = Client(runtime + "/control", place)
    try:
        client.open()
    except NoManager:
        return holder_of(runtime) or keeper_of(runtime)
    keeper: int | str = client.get("/v1").get("keeper_pid") or "another"
    client.close()
    return keeper


def _ours(path: str, place: Place) -> None:
    """A runtime directory that somebody else prepared for us is not to be trusted."""
    found = os.stat(path)
    trusted = {os.getuid(), 0} if place.passes else {os.getuid()}  # a volume is root's
    if path == place.runtime and found.st_uid not in trusted:
        raise Refused(
            f"{path} belongs to uid {found.st_uid}", hint="remove it, or use --runtime-dir"
        )
    if path.startswith("/tmp/stoker-") and (found.st_uid != os.getuid() or found.st_mode & 0o022):
        raise Refused(f"{path} can be written by others", hint="remove it, or use --runtime-dir")


def _keep_out_of_git(directory: str) -> None:
    path = directory + "/.gitignore"
    if not os.path.exists(path):
        with open(path, "w", encoding="ascii") as file:
            file.write("*\n")
