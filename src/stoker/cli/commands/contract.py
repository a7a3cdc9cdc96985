"""Show contracts, or follow what happens to them."""

from __future__ import annotations

from typing import Any

from stoker.errors import NoSuchService

from ..call import Call
from ..say import clean, clock, dump, table

__all__ = ["run"]


def run(call: Call) -> int:
    """List them, look into them, or watch."""
    from stoker.client import contracts

    given = list(call.arguments["what"] or ())
    if call.arguments["action"] == "watch":
        return _watch(call, given)
    rows = _chosen(call, contracts(call.client()), given)
    if call.json:
        dump({"version": 1, "contracts": rows})
    elif call.arguments["action"] == "stat":
        print("\n\n".join(_stat(row) for row in rows))
    else:
        _list(rows)
    return 0


def _chosen(call: Call, rows: list[dict[str, Any]], given: list[str]) -> list[dict[str, Any]]:
    """Those that were named. Raises NoSuchService."""
    if not given:
        return rows
    numbers = {int(one) for one in given if one.isdecimal()}
    missing = numbers - {row["contract"] for row in rows}
    if missing:
        raise NoSuchService(f"there is no contract {min(missing)}", hint="stoker contract ls")
    fmris = _fmris(call, [one for one in given if not one.isdecimal()])
    return [row for row in rows if row["contract"] in numbers or row["fmri"] in fmris]


def _fmris(call: Call, names: list[str]) -> set[str]:
    from ..ask import instances

    return {row["fmri"] for row in instances(call, names)} if names else set()


def _list(rows: list[dict[str, Any]]) -> None:
    from stoker.model import display

    table(
        ("CONTRACT", "STATE", "PROCESSES", "METHOD", "NAME"),
        [
            (
                str(row["contract"]),
                row["state"],
                str(_count(row)),
                row["method"] or "-",
                display(row["fmri"]) if row["fmri"] else "-",
            )
            for row in rows
        ],
    )


def _count(row: dict[str, Any]) -> int:
    return len(row["processes"]) + sum(len(one["processes"]) for one in row["nested"])


def _stat(row: dict[str, Any]) -> str:
    from stoker.model import display

    of = display(row["fmri"]) if row["fmri"] else "no service"
    kind = f"method {row['method']}" if row["method"] else "run"
    lines = [f"contract {row['contract']}: {kind} of {of}, {row['state']}"]
    lines += [f"  {row['path']}"] if row["path"] else []
    lines += [f"    {_process(pid)}" for pid in row["processes"]]
    for inner in row["nested"]:
        depth = "  " * (inner["path"].count("/") + 2)
        lines.append(f"{depth}{inner['path'].rpartition('/')[2]}/")
        lines += [f"{depth}  {_process(pid)}" for pid in inner["processes"]]
    return "\n".join(map(clean, lines))


def _process(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().rstrip(b"\0").replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:  # it has just ended
        words = ""
    return f"{pid} {words}".rstrip()


def _watch(call: Call, given: list[str]) -> int:
    """One line for each thing that happens, until interrupted."""
    from stoker.client import contract_events

    client = call.client()
    rows = client.get("/v1/instances")["instances"]
    known = {row["fmri"]: row["contract"] for row in rows if row["contract"] is not None}
    numbers = {int(one) for one in given if one.isdecimal()}
    fmris = _fmris(call, [one for one in given if not one.isdecimal()])
    cursor = client.get("/v1")["cursor"]
    if not call.json:
        print(f"{'TIME':<12} {'CONTRACT':>8} {'EVENT':<7} NAME", flush=True)
    stream = client.stream(f"/v1/events?cursor={cursor}&follow=1")
    try:
        for event in stream:
            found = contract_events(client, event, known)
            if found is None:
                continue
            if given and found["contract"] not in numbers and found["fmri"] not in fmris:
                continue
            _tell(call, found)
    except KeyboardInterrupt:
        pass  # that is how a watch ends
    finally:
        stream.close()
    return 0


def _tell(call: Call, found: dict[str, Any]) -> None:
    from stoker.model import display

    if call.json:
        import json

        print(json.dumps({"version": 1, **found}, ensure_ascii=False), flush=True)
        return
    head = f"{clock(found['time'])} {found['contract']:>8} {found['event']:<7}"
    print(clean(f"{head} {display(found['fmri'])}: {found['text']}"), flush=True)
