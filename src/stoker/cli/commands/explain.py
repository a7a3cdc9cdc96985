"""Say why an instance is, or is not, up."""

from __future__ import annotations

from ..ask import fmri_path, instances
from ..call import Call
from ..say import clean, dump

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
    """One explanation: its sentence, the chain below it, and what would help."""
    print(clean(str(one.get("summary") or one.get("text") or "")))
    for link in one.get("chain", []):
        depth = link.get("depth", 0) if isinstance(link, dict) else 0
        text = link.get("text", "") if isinstance(link, dict) else link
        print(f"  {'  ' * depth}because {clean(str(text))}")
    for line in one.get("changes", []) or one.get("remedies", []):
        print(f"  to change it: {clean(str(line))}")
