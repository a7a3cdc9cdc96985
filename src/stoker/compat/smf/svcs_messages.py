"""The messages of svcs -x: for each its id, what is the matter, and what can be done about it.

The ids are SMF's. `svcs -? ID` prints a page; the documents have all of them on one.
"""

from __future__ import annotations

__all__ = ["MESSAGES", "page", "pointer"]

_PREFIX = "SMF-8000-"

MESSAGES: dict[str, tuple[str, str, str]] = {
    "05": (
        "disabled",
        "It is not to run: its definition says so, or an administrator does.",
        "If it should run: svcadm enable FMRI.",
    ),
    "1S": (
        "disabled until the next boot",
        "An administrator has stopped it for now; what is to be after the next boot is kept.",
        "svcadm enable FMRI starts it again, and takes the temporary choice back.",
    ),
    "2A": (
        "its restarter is not valid",
        "Its definition names a restarter that cannot be one.",
        "Correct general/restarter: svccfg -s FMRI setprop general/restarter = fmri: …, then "
        "svcadm refresh and svcadm clear.",
    ),
    "3P": (
        "its restarter is not here",
        "The instance that should control it is not defined.",
        "Import the restarter's manifest, or correct general/restarter.",
    ),
    "4D": (
        "not taken in charge yet",
        "Its restarter runs, and has not decided about it yet. This passes by itself.",
        "If it lasts, read the log of the restarter; of the manager: stoker logs --manager.",
    ),
    "5H": (
        "its restarter does not run",
        "The instance that should control it is down.",
        "svcs -x RESTARTER says why; enable or clear that one.",
    ),
    "63": (
        "maintenance at an administrator's request",
        "Somebody set it aside with svcadm mark maintenance; its processes were ended.",
        "When it may run again: svcadm clear FMRI.",
    ),
    "R4": (
        "maintenance at another service's request",
        "A service asked for it to be set aside; its processes were ended.",
        "Look at the log for the reason, then svcadm clear FMRI.",
    ),
    "KS": (
        "its start did not succeed",
        "The start method ended with a failure, or did so several times in a row.",
        "Its log has what it said; mend that, then svcadm clear FMRI.",
    ),
    "8Q": (
        "a method failed",
        "A method of it (start, stop or refresh) failed, or did not end in its time.",
        "Its log names the method and has what it said; mend that, then svcadm clear FMRI.",
    ),
    "L5": (
        "restarted too quickly",
        "It ended again and again soon after its start, until it was given up.",
        "Its log has what it said each time; mend that, then svcadm clear FMRI.",
    ),
    "HP": (
        "a circle of dependencies",
        "It depends on itself by way of others, so none of them can be the first to start.",
        "The log names the circle; take one of the dependencies out and refresh.",
    ),
    "JA": (
        "a dependency is not valid",
        "One of its dependencies cannot be understood: a grouping, restart_on or FMRI is wrong.",
        "The log names it; correct it (stoker check tells the place), then svcadm refresh.",
    ),
    "9C": (
        "maintenance without a reason",
        "It is in maintenance, and no reason is recorded.",
        "Read its log, then svcadm clear FMRI.",
    ),
    "AR": (
        "maintenance for a reason that has no page",
        "The reason line says what is known; it is not one that SMF has a message for.",
        "stoker explain NAME tells more; mend what it names, then svcadm clear FMRI.",
    ),
    "C4": (
        "its start is under way",
        "Its start method runs, or it is not ready yet.",
        "Wait; svcs -l shows when it began, its log what it says.",
    ),
    "PH": (
        "about to change",
        "It is on its way to another state, or its next attempt comes by itself.",
        "Wait; stoker explain NAME says what it waits for.",
    ),
    "E2": (
        "a dependency is missing",
        "It needs a service that is not defined, or a file that is not there.",
        "Define the service (svccfg import), create the file, or take the dependency out.",
    ),
    "FJ": (
        "another service excludes it",
        "It may not run while that one does.",
        "Disable one of the two.",
    ),
    "GE": (
        "a dependency is not satisfied",
        "Something that it needs is not as it must be.",
        "Help the service that the reason line names: svcs -x FMRI says what is wrong with it.",
    ),
    "DX": (
        "degraded",
        "It runs, and not as well as it should: an administrator has said so, or a probe of it.",
        "When it is well again: svcadm clear FMRI.",
    ),
    "N3": (
        "an unknown state",
        "The manager tells of a state that these commands do not know.",
        "Use commands of the manager's version; stoker version prints both.",
    ),
}
"""The end of the id: title, what it means, what to do."""


def pointer(code: str) -> str:
    """What to type to read the page of a message."""
    return f"svcs -? {_PREFIX}{code}"


def page(name: str) -> str:
    """The page of a message, by its id or the end of that; "" where there is none."""
    code = name.upper().removeprefix(_PREFIX)
    row = MESSAGES.get(code)
    if row is None:
        return ""
    title, meaning, remedy = row
    return f"{_PREFIX}{code}: {title}\n\n  {meaning}\n  {remedy}"
