"""Show the effective definition, with where each value comes from."""

from __future__ import annotations

from ..ask import fmri_path, instances
from ..call import Call
from ..say import clean, coloured, dump, paint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["run"]


def run(call: Call) -> int:
    """Print definitions; secrets come masked from the manager."""
    found = []
    for row in instances(call, call.names):
        answer = call.client().get(fmri_path(row["fmri"], "definition"))
        found.append({"definition": answer["definition"], "origins": answer["origins"]})
    if call.json:
        dump({"version": 1, "definitions": found})
        return 0
    paints = coloured()
    for index, one in enumerate(found):
        if index:
            print()
        print(paint(clean(f"# {one['definition']['fmri']}"), "bold", paints))
        lines = list(_flat(one["definition"], ""))
        origins = one["origins"]
        width = min(60, max(len(f"{key} = {value}") for key, value in lines))
        for key, value in lines:
            text = clean(f"{key} = {value}")
            origin = _origin(key, origins)
            tail = paint(f"  # {clean(origin)}", "dim", paints) if origin else ""
            print(text.ljust(width) + tail if tail else text)
    return 0


def _flat(data: dict[str, Any], prefix: str) -> Any:
    """Every value with its dotted key."""
    import json

    for key, value in data.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", json.dumps(value, ensure_ascii=False)


# What people write for a field of the definition, where that is another word.
_WRITTEN = {
    "fmri": ("id", "instances"),
    "start": ("exec_start", "start_timeout"),
    "prepare": ("exec_start_pre", "exec_start_pre_timeout"),
    "stop": ("exec_stop", "exec_stop_timeout"),
    "refresh": ("exec_refresh", "exec_refresh_timeout"),
    "cleanup": ("exec_stop_post", "exec_stop_post_timeout"),
    "ladder": ("stop_ladder", "stop_signal", "shutdown_timeout"),
    "dependencies": ("dependency", "system_dependencies"),
    "ends": ("model",),
    "interrupt": ("model",),
    "stop_when_empty": ("model",),
}


def _origin(key: str, origins: dict[str, str]) -> str:
    """Where a value comes from: its own key in the file, or that of the table it stands in."""
    path = key.removeprefix("context.")
    head, _, rest = path.partition(".")
    for written in _WRITTEN.get(head, (head,)):
        at = f"{written}.{rest}" if rest else written
        while at:
            if at in origins:
                said = f" ({at})" if at != path else ""
                return _short(origins[at]) + said
            at = at.rpartition(".")[0]
    return ""


def _short(origin: str) -> str:
    """FILE:LINE without the directory, which `source` has."""
    return origin.rpartition("/")[2]
