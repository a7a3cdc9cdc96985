"""Say why an instance is, or is not, up."""

from __future__ import annotations

from ..ask import fmri_path, instances
from ..call import Call
from ..say import clean, dump, local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["run"]


def run(call: Call) -> int:
    """Print the chain from cause to effect, and what would change it."""
    found = []
    for row in instances(call, call.names):
        answer = call.client().get(fmri_path(row["fmri"], "explain"))["explain"]
        found.append(answer)
    if call.json:
        dump({"version": 1, "explanations": found})
        return 0
    for index, one in enumerate(found):
        if index:
            print()
        show(one)
    return 0


def show(one: dict[str, Any]) -> None:
    """One explanation: how it is, the chain of causes below it, and what would change it."""
    from stoker.model import display

    name = display(one["fmri"])
    state = "in maintenance" if one["state"] == "maintenance" else one["state"]
    print(clean(f"{name} is {state}" + (", as it should be" if one["up"] else "")))
    for link in one["why"]:
        about = "" if link["fmri"] == one["fmri"] else f"{display(link['fmri'])}: "
        print(clean(f"{'  ' * (link['depth'] + 1)}because {about}{link['text']}"))
    for change in one["would_change"]:
        command = f": {change['command']}" if change.get("command") else ""
        when = f" at {local(change['at'])}" if change.get("at") else ""
        print(clean(f"  would change it: {change['text']}{when}{command}"))
