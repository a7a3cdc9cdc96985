"""`stoker system install` and `uninstall`: done, and told."""

from __future__ import annotations

import os
from collections.abc import Iterable

from stoker.errors import UsageError

from ..call import Call
from ..say import clean, dump, note
from .belonging import HOME, PACKAGES, contents
from .placing import Act, Placing

__all__ = ["change_root"]

_WORDS = {"write": "write", "link": "link", "remove": "remove", "none": "as it is", "kept": "kept"}


def change_root(call: Call, action: str) -> int:
    """Do it (or, for a dry run, only say it), and say what was done. Returns the exit status."""
    root = call.get("root") or "/"
    if not os.path.isdir(root):
        raise UsageError(f"{root} is not a directory")
    dry = bool(call.get("dry_run"))
    placing = Placing(root)
    notes: list[str] = []
    if action == "install":
        found = contents(placing)
        acts, notes = placing.install(found.files, dry=dry), found.notes
    else:
        acts = placing.uninstall(dry=dry)
        if not acts:
            notes = [f"nothing of stoker's is installed in {placing.root}"]
    if call.json:
        rows = [one.as_dict() for one in acts]
        dump({"version": 1, "root": placing.root, "dry_run": dry, "acts": rows, "notes": notes})
        return 0
    for kind, path, why in _gathered(acts):
        print(f"{_WORDS[kind]:>8}  {clean(path)}" + (f": {clean(why)}" if why else ""))
    for text in notes:
        note(clean(f"stoker: {text}"))
    if action == "install" and not dry:
        _what_now(acts, placing.root)
    return 0


def _gathered(acts: Iterable[Act]) -> list[tuple[str, str, str]]:
    """The files of a package as one row."""
    rows: dict[tuple[str, str], tuple[int, str]] = {}
    for act in acts:
        path = act.path
        if path.startswith(f"{PACKAGES}/"):
            path = f"{PACKAGES}/{path[len(PACKAGES) + 1 :].partition('/')[0]}"
        count = rows.get((act.kind, path), (0, ""))[0]
        rows[act.kind, path] = (count + 1, act.why)
    return [
        (kind, path, f"{count} files" if count > 1 else why)
        for (kind, path), (count, why) in rows.items()
    ]


def _what_now(acts: Iterable[Act], root: str) -> None:
    if any(act.path == "/usr/sbin/init" and act.kind == "kept" for act in acts):
        print(f"{root} has an init of its own; boot it with the kernel argument init={HOME}/init")
    else:
        print("it is the init of this file system; `stoker import systemd UNIT…` there brings more")
