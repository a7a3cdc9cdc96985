"""sysmgr-depends: wait in a service's script until other services are up.

The files of RUNDIR say who is up. A manager of ours is told besides, by its control socket, so that
it can show what the script waits for, and answers as soon as it is time to look again; without one
the files are looked at several times a second.
"""

from __future__ import annotations

import os
import time

from stoker import __version__

from .files import complain, is_up, like, missing, name_of, rundir, sysdir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stoker.client import Client

__all__ = ["main"]

USAGE = """usage: sysmgr-depends SERVICE...

Waits until each of these services is up. In a service's script, before exec.

stoker {version}"""

_PAUSE = 0.2  # seconds between looks where nobody tells us
_ASK = 30.0  # seconds after which a manager that has nothing to tell is asked anew


def main(arguments: list[str]) -> int:
    """The command; returns its exit status."""
    if not arguments or arguments[0].startswith("-"):
        print(USAGE.format(version=__version__))
        return 0
    names = [name_of(one) for one in arguments]
    absent = missing(names)
    for name in absent:
        complain("sysmgr-depends", f"there is no service {name} in {sysdir()}{like(name)}")
    if absent:
        return 1
    return _wait(names)


def _wait(names: list[str]) -> int:
    client, asked = None, 0.0
    while waiting := [name for name in names if not is_up(name, once=True)]:
        if asked and time.monotonic() - asked < _PAUSE:
            time.sleep(_PAUSE)  # there is nobody to ask, or files and manager do not agree
        asked = time.monotonic()
        client = client or _client()
        if client is not None and not _told(client, waiting):
            client.close()
            client = None
    if client is not None:
        client.close()  # which is how the manager hears that the waiting is over
    return 0


def _told(client: Client, waiting: list[str]) -> bool:
    """Tell the manager what is waited for, until it answers; False when it cannot be told."""
    from stoker.client import quote
    from stoker.errors import StokerError

    query = "&".join(f"name={quote(name)}" for name in waiting)
    try:
        client.get(f"/v1/wait?{query}&for=up&patient=1&timeout={_ASK:g}", patience=2 * _ASK)
    except (StokerError, OSError):
        return False  # none of ours, or one that is being replaced: the files say the same
    return True


def _client() -> Client | None:
    """A client of the manager that publishes RUNDIR; None when there is none of ours."""
    from stoker.client import Client
    from stoker.errors import StokerError

    told = os.environ.get("STOKER_SOCKET", "")
    for path in (told, f"{sysdir()}/.stoker/run/control", f"{rundir()}/.stoker/run/control"):
        if not path:
            continue
        client = Client(path)
        try:
            client.open()
            return client
        except (StokerError, OSError):
            continue  # not there: perhaps at the other place
    return None
