"""Show how the place came up the last time: who waited, who started when, and what took longest."""

from __future__ import annotations

import os
import time

from ..call import Call
from ..say import dump, local, note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from stoker.model import Place

__all__ = ["run"]

_ALL = 10_000_000  # rows of history
_WIDTH = 80  # columns where there is no terminal


def run(call: Call) -> int:
    """Ask the recorder; draw."""
    from stoker.insight import boot_chart

    place = call.place()
    transitions = _history(place, "transitions")
    runs = _history(place, "runs")
    start = _start(place, transitions, runs)
    if start is None:
        print(f"{place.name} has not been started yet, as far as is known")
        return 0
    now = time.time_ns()
    chart = boot_chart(
        transitions, runs, _needs(place), start=start, now=now, kernel=_kernel(place, now)
    )
    names = None
    if call.names:
        from ..loglines import canonical_names

        names = frozenset(canonical_names(call))
    return _show(call, place, chart, names)


def _show(call: Call, place: Place, chart: dict[str, Any], names: frozenset[str] | None) -> int:
    from stoker.insight import boot_svg, boot_text
    from stoker.model import display, rfc3339

    when = rfc3339(chart["start"])
    if call.json:
        services = [
            {"name": display(one["fmri"]), **one}
            for one in chart["services"]
            if names is None or one["fmri"] in names
        ]
        dump({"version": 1, "place": place.name, **chart, "start": when, "services": services})
        return 0
    title = f"{place.name}: {_sentence(chart)}; begun {local(when)}"
    if call.get("svg"):
        print(boot_svg(chart, title, names), end="")
        return 0
    print(title)
    print("\n".join(boot_text(chart, _columns(), names)))
    return 0


def _sentence(chart: dict[str, Any]) -> str:
    services = chart["services"]
    lost = sum(1 for one in services if one["given_up"] is not None)
    open_still = sum(1 for one in services if one["ready"] is None) - lost
    if chart["settled"] is None:
        text = f"not settled after {chart['now']:.2f} s"
    else:
        text = f"settled after {chart['settled']:.2f} s"
    counts = [f"{len(services) - lost - open_still} up"]
    counts += [f"{lost} given up"] if lost else []
    counts += [f"{open_still} not up yet"] if open_still else []
    return f"{text} ({', '.join(counts)})"


def _columns() -> int:
    import shutil

    return shutil.get_terminal_size((_WIDTH, 24)).columns


def _history(place: Place, what: str) -> list[dict[str, Any]]:
    from stoker.client import records

    with records(place, {"do": "history", "what": what, "names": [], "limit": _ALL}) as answer:
        return list(answer)


def _start(
    place: Place, transitions: list[dict[str, Any]], runs: list[dict[str, Any]]
) -> int | None:
    """When the place was last started (ns): its runtime directory tells; else, where that is gone,
    its history: the first that was defined after all that was before. None: never.
    """
    first: list[int] = [row["at"] for row in transitions if row["before"] == "uninitialized"]
    if not first:
        return None
    try:
        told = os.stat(place.runtime + "/mark").st_mtime_ns
        if told <= first[-1]:
            return told
    except OSError:
        pass  # the directory is gone, as after a reboot
    newest = runs[-1]["life"] if runs else ""
    earlier = [max(row["begun"] or 0, row["ended"] or 0) for row in runs if row["life"] != newest]
    last = max(earlier, default=0)
    return min((at for at in first if at > last), default=first[-1])


def _kernel(place: Place, now: int) -> int | None:
    """When the kernel began (ns of the wall clock); None where the place is not a machine's."""
    from stoker.errors import StokerError
    from stoker.model import Place

    try:
        with open(place.file, "rb") as file:
            machine = Place.from_json(file.read()).machine
    except (OSError, StokerError):
        return None  # it cannot be told: then it counts from its own start
    return now - time.clock_gettime_ns(time.CLOCK_BOOTTIME) if machine else None


def _needs(place: Place) -> dict[str, list[str]] | None:
    """Who waits for whom; None when that cannot be read."""
    from stoker.errors import StokerError
    from stoker.insight import needs_of
    from stoker.model import decode_compiled

    try:
        with open(place.definitions, "rb") as file:
            return needs_of(decode_compiled(file.read()).definitions)
    except OSError:
        return None  # the owner's alone, or gone: then the times have to do
    except StokerError as wrong:
        note(str(wrong))
        return None
