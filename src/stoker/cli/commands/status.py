"""Show everything about instances, or about the place."""

from __future__ import annotations

from stoker.errors import StokerError

from ..ask import fmri_path, instances
from ..call import Call
from ..say import clean, coloured, dump, local, paint, plural, since, size, state_of, taken

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["run"]


def run(call: Call) -> int:
    """Print all that is known."""
    if not call.names:
        return of_place(call)
    found = []
    for row in instances(call, call.names):
        answer = call.client().get(fmri_path(row["fmri"]))
        status = answer["status"]
        status["mistakes"] = answer["mistakes"]
        status["output"] = output(call, row["fmri"], call.get("lines", 10))
        found.append(status)
    if call.json:
        dump({"version": 1, "statuses": found})
        return 0
    for index, status in enumerate(found):
        if index:
            print()
        show(status)
    return 0


def output(call: Call, fmri: str, count: int) -> list[dict[str, Any]]:
    """The end of an instance's output; nothing where it cannot be read by us."""
    if not count:
        return []
    from stoker.client import last_lines

    try:
        return last_lines(call.place(), fmri, count)
    except (StokerError, OSError):  # no log yet, or another's: the rest is worth showing
        return []


def show(status: dict[str, Any]) -> None:
    """One instance, for people."""
    row, paints = status["instance"], coloured()
    title = paint(clean(row["name"]), "bold", paints)
    print(f"{title}  {clean(row['description'])}".rstrip())
    state = paint(state_of(row), row["state"], paints)
    when = f" for {since(row['since'])} (since {local(row['since'])})"
    reason = f", {row['reason']}" if row["reason"] not in ("", "none") else ""
    lines = [("state", state + when + reason)]
    lines += [("why", row["cause"]), ("says", row["status_text"]), ("note", row["note"])]
    lines += [("waits for", text) for text in row["waiting_for"]]
    if row["until"]:
        lines.append(("until", f"something changes by itself at {local(row['until'])}"))
    lines.append(("wanted", wanted(status)))
    lines += [("", text) for text in (choice(status["choice"]), override(status["override"]))]
    lines.append(("run", run_line(row, status)))
    lines += [("last exit", status["last_exit"]), ("uses", usage(status))]
    lines.append(("FMRI", row["fmri"]))
    lines += [("from", status["source"])]
    if status["mistakes"]:
        from ..settling import mistake_text  # here: a status should load little

        lines += [("mistake", mistake_text(one)) for one in status["mistakes"]]
        lines.append(("", "it goes on by its old definition"))
    lines += [("log", status["log"])]
    for name, text in lines:
        if text:
            body = text if name == "state" else clean(str(text))
            print(f"{name:>10}  {body}")
    _tree(status)
    _dependencies(status, paints)
    if status["dependents"]:
        print(f"{'needed by':>10}  {clean(', '.join(map(str, status['dependents'])))}")
    for line in status["output"]:
        print(f"    {clean(line['time'][11:19])} {clean(line['text'])}")


def wanted(status: dict[str, Any]) -> str:
    """Whether it is wanted, and by whose word."""
    row = status["instance"]
    word = "yes" if row["wanted"] else "no"
    if row["wanted"] != row["enabled"]:
        return f"{word}, temporarily (enabled: {'yes' if row['enabled'] else 'no'})"
    return word


def choice(found: dict[str, Any] | None) -> str:
    """An administrator's enable or disable, with who, when, why and until."""
    if not found:
        return ""
    return ("enabled" if found.get("enabled") else "disabled") + _by(found)


def override(found: dict[str, Any] | None) -> str:
    """The temporary word over it."""
    if not found:
        return ""
    word = "started" if found.get("value") else "stopped"
    return f"{word} until start, enable or boot" + _by(found)


def _by(found: dict[str, Any]) -> str:
    text = ""
    if found.get("later"):
        text += ", from the next boot on"
    if found.get("by"):
        text += f" by {found['by']}"
    if found.get("when"):
        text += f", {local(_time(found['when']))}"
    if found.get("why"):
        text += f": {found['why']}"
    if found.get("until"):
        text += f"; until {local(_time(found['until']))}"
    return text


def _time(value: Any) -> str:
    """Times come as RFC 3339; what is still in nanoseconds is made so."""
    if isinstance(value, int):
        from stoker.model import rfc3339

        return rfc3339(value)
    return str(value)


def run_line(row: dict[str, Any], status: dict[str, Any]) -> str:
    """Number, main process, contract, restarts."""
    if not row["run"]:
        return ""
    parts = [f"number {row['run']}"]
    if row["pid"]:
        parts.append(f"main process {row['pid']}")
    if row["contract"] is not None:
        kind = f" ({status['containment']})" if status["containment"] else ""
        parts.append(f"contract {row['contract']}{kind}")
    parts.append(plural(row["restarts"], "restart"))
    return ", ".join(parts)


def usage(status: dict[str, Any]) -> str:
    """Memory, CPU time, tasks; only what the kernel told."""
    parts = []
    if status["memory"]:
        parts.append(f"{size(status['memory'])} memory")
    if status["processes"]:
        parts.append(f"{taken(status['cpu'])} CPU")
    if status["tasks"]:
        parts.append(plural(status["tasks"], "task"))
    return ", ".join(parts)


def _tree(status: dict[str, Any]) -> None:
    for process in status["processes"]:
        indent = "  " * process["depth"]
        print(f"{process['pid']:>10}  {indent}{clean(process['command'])}")


def _dependencies(status: dict[str, Any], paints: bool) -> None:
    if not status["dependencies"]:
        return
    from stoker.model import display

    for row in status["dependencies"]:
        mark = "ok " if row.get("satisfied") else "NOT"
        mark = paint(mark, "green" if row.get("satisfied") else "yellow", paints)
        kind = f"{row.get('grouping', '')}, restart_on {row.get('restart_on', '')}"
        target = display(str(row.get("target", "")))
        print(f"{'needs':>10}  {mark} {clean(target)} {row.get('state', '')} ({kind})")


def of_place(call: Call) -> int:
    """Keeper, manager, recorder, containment, and what is wrong with any of it."""
    about = call.client().get("/v1")
    rows = call.client().get("/v1/instances")["instances"]
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["state"]] = counts.get(row["state"], 0) + 1
    if call.json:
        dump({"version": 1, "manager": about, "states": counts, "place": call.place().as_dict()})
        return 0
    place = call.place()
    print(f"{about['kind']} {clean(about['place'])}")
    lines = [
        ("manager", f"stoker {about['stoker']}, process {about.get('pid')}, generation "
                    f"{about['generation']}"),
        ("keeper", f"process {about.get('keeper_pid')}"),
        ("recorder", f"process {about['recorder_pid']}" if about.get("recorder_pid") else ""),
        ("contains", about.get("containment", "")),
        ("services", ", ".join(f"{n} {state}" for state, n in sorted(counts.items())) or "none"),
        ("socket", place.socket),
        ("log", place.log),
    ]  # fmt: skip
    lines += [("notice", text) for text in about.get("notices", [])]
    for name, text in lines:
        if text:
            print(f"{name:>10}  {clean(str(text))}")
    return 0
