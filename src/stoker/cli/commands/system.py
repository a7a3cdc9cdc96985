"""What the manager is told about the machine: shown, and told."""

from __future__ import annotations

from stoker.errors import UsageError

from ..call import Call
from ..operation import change
from ..say import clean, dump, local, note, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["run"]

_WORDS = {"sleep": 1, "wake": 1, "set": 3, "unset": 2, "install": 1, "uninstall": 1}
"""Of each action, itself included."""


def run(call: Call) -> int:
    """Show all inputs, or say something about one."""
    action, name, value = (call.arguments[key] for key in ("action", "name", "value"))
    if action is None:
        return _show(call)
    if call.get("root") and action not in ("install", "uninstall"):
        raise UsageError("--root is for install and uninstall")
    given = 1 + (name is not None) + (value is not None)
    if given != _WORDS[action]:
        _wrong(call, action, name)
    if action in ("install", "uninstall"):
        from ..machine import change_root

        return change_root(call, action)
    if action == "set":
        return _set(call, name, value == "met")
    return change(call, action, [], input=name or "")


def _set(call: Call, name: str, met: bool) -> int:
    status = change(call, "set", [], input=name, value=met)
    if status == 0 and not (call.json or call.get("dry_run") or call.get("no_wait")):
        _remark(call, name.removeprefix("input:"))
    return status


def _remark(call: Call, name: str) -> None:
    """What no service needs is perhaps a slip."""
    needed = [row["name"] for row in call.client().get("/v1/system")["inputs"] if row["needed_by"]]
    if name in needed:
        return
    from stoker.model import did_you_mean

    near = did_you_mean(name, needed)
    note(f"no service needs {name}" + (f" (did you mean {near}?)" if near else ""))


def _wrong(call: Call, action: str, name: str | None) -> None:
    example = {
        "set": f"stoker system set {name or 'NAME'} met|unmet",
        "unset": "stoker system unset NAME",
    }
    raise UsageError(
        f"{action} takes {_WORDS[action] - 1 or 'no'} words",
        hint=f"usage: {example.get(action, f'stoker system {action}')}",
    )


def _show(call: Call) -> int:
    answer = call.client().get("/v1/system")
    if call.json:
        dump(answer)
        return 0
    table(
        ("INPUT", "VALUE", "SINCE", "BY", "NEEDED BY"),
        [
            (
                clean(row["name"]),
                _value(row),
                local(row["since"]) if row["since"] else "-",
                clean(_by(row)),
                clean(", ".join(row["needed_by"])) if row["needed_by"] else _all(row),
            )
            for row in answer["inputs"]
        ],
    )
    return 0


def _value(row: dict[str, Any]) -> str:
    if row["name"] == "active":
        return "yes" if row["met"] else "no"
    return "met" if row["met"] else "unmet"


def _all(row: dict[str, Any]) -> str:
    return "every service" if row["name"] == "active" else "-"


def _by(row: dict[str, Any]) -> str:
    """Who gives it, why, and what a watcher says that is overruled."""
    if not row["by"]:
        text = "-" if row["name"] == "active" else "nobody"
        watcher = row["watcher"]
        return f"{text} ({watcher} has said nothing yet)" if watcher else text
    text = str(row["who"] or "somebody")
    if row["why"]:
        text += f" ({row['why']})"
    if row["by"] == "person" and row["watcher_says"] is not None and row["name"] != "active":
        text += f"; {row['watcher']} says {'met' if row['watcher_says'] else 'unmet'}"
    return text
