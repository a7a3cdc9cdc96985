"""Which milestone holds: an option of the manager's own instance (svcadm(8)), set and shown."""

from __future__ import annotations

from stoker.errors import NoSuchService, StokerError, UsageError
from stoker.formats import OverlayGroup
from stoker.model import MASTER, Property, display

from .matching import instances
from .tree import Tree, group_row

__all__ = ["held", "named", "set_milestone"]

WORDS = ("all", "none")


def named(tree: Tree, text: str) -> str:
    """The milestone that an operand means: a word, or the FMRI of one instance. Raises UsageError.

    Any instance can be one; a part of a name that several have means the one below `milestone/`.
    """
    if text in WORDS:
        return text
    known = list(tree.rows())
    try:
        found = instances(text, known)
    except NoSuchService:
        found = []
    if len(found) > 1:
        found = [name for name in found if name.startswith("svc:/milestone/")] or found
    if len(found) == 1:
        return found[0]
    there = [display(name) for name in known if name.startswith("svc:/milestone/")]
    what = "names several instances" if found else "is no milestone"
    raise UsageError(f'"{text}" {what}', hint="one of " + ", ".join([*WORDS, *there]))


def held(tree: Tree) -> tuple[str, str]:
    """The milestone that holds now, and that of the next boot."""

    def option(group: str) -> str:
        found = tree.admin.get(MASTER, {}).get(group, OverlayGroup()).properties.get("milestone")
        return found.values[0] if found is not None and found.values else ""

    later = option("options") or "all"
    return option("options_ovr") or later, later


def set_milestone(tree: Tree, name: str, default: bool) -> int | None:
    """Have it hold from now on: until everything goes down, or (`default`) for good. The number of
    the operation that ends when all has settled. Raises StokerError.
    """
    option = OverlayGroup("framework", {"milestone": Property("astring", (name,))})
    rows = [group_row(MASTER, "options_ovr", None if default else option, not default)]
    if default:
        rows.append(group_row(MASTER, "options", option))

    def change() -> None:
        tree.commit(rows)

    tree.again(change)
    answer = tree.reload()
    tree.read_stored()
    wrong = [one for one in answer["mistakes"] if one["message"].startswith("the milestone ")]
    if wrong:
        raise StokerError(wrong[0]["message"], hint=wrong[0]["hint"])
    number = answer["operation"]
    return int(number) if number is not None else None
