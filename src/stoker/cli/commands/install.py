"""Register the manager with the host's init."""

from __future__ import annotations

import os

from stoker.errors import UsageError

from ..call import Call
from ..say import clean, dump, note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..inits import Act, Registration

__all__ = ["carry_out", "registration", "run"]

WORDS = {
    "write": "write",
    "link": "link",
    "remove": "remove",
    "unlink": "remove",
    "run": "run",
    "none": "as it is",
}


def run(call: Call) -> int:
    """Write what the init wants, and have it started at boot."""
    found = registration(call)
    acts = found.install()
    carry_out(call, found, acts)
    if not call.json and not call.get("dry_run"):
        print(f"start it now: {found.start_with}")
        if found.kind == "user":
            print("to have it started at boot, not at your first login: loginctl enable-linger")
    return 0


def registration(call: Call) -> Registration:
    """The place and the init that are meant. Raises UsageError, Failed."""
    from ..inits import Registration, detect, program

    user, system = bool(call.get("user")), bool(call.get("system"))
    if user and system:
        raise UsageError("--user and --system exclude each other")
    if call.get("project") is not None:
        raise UsageError("a project is started by whoever works on it", hint="--user or --system")
    if not user and not system:
        if os.getuid() != 0:
            raise UsageError(
                "for whom?", hint=f"stoker {call.verb.name} --user, or as root --system"
            )
        system = True
    root = call.get("root") or "/"
    if not os.path.isdir(root):
        raise UsageError(f"{root} is not a directory")
    config = os.environ.get("XDG_CONFIG_HOME", "")
    if not config.startswith("/"):
        config = os.path.expanduser("~/.config")
    kind = "system" if system else "user"
    return Registration(call.get("init") or detect(root), kind, program(), root, config)


def carry_out(call: Call, found: Registration, acts: list[Act]) -> None:
    """Do it (or, for a dry run, only say it), and say what was done."""
    dry = bool(call.get("dry_run"))
    notes = []
    for act in acts:
        if not dry:
            said = found.do(act)
            notes += [said] if said else []
        if not call.json:
            show(found, act, dry)
    if call.json:
        dump(
            {
                "version": 1,
                "init": found.init,
                "place": found.kind,
                "root": found.root,
                "dry_run": dry,
                "acts": [act.as_dict() for act in acts],
                "commands_run": not dry and not found.elsewhere,
                "notes": notes,
            }
        )
    for text in notes:
        note(f"stoker: {clean(text)}")


def show(found: Registration, act: Act, dry: bool) -> None:
    """One act, for people; a dry run shows the text too."""
    what = " ".join(act.command) or act.path
    if act.kind == "link":
        what += f" → {act.text}"
    if act.kind == "run" and found.elsewhere:
        print(f"to be run there: {clean(what)}")
        return
    print(f"{WORDS[act.kind]:>8}  {clean(what)}")
    if dry and act.kind == "write":
        print("".join(f"          | {clean(line)}\n" for line in act.text.splitlines()), end="")
