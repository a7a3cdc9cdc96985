"""Print the version."""

from __future__ import annotations

from stoker import __version__

from ..call import Call

__all__ = ["run"]


def run(call: Call) -> int:
    """Of the command, and of the manager if one runs here and is another."""
    running = None
    if call.json or not call.options:
        running = _running(call)
    if call.json:
        from ..say import dump

        dump({"version": 1, "stoker": __version__, "manager": running})
        return 0
    print(f"stoker {__version__}")
    if running is not None and running != __version__:
        print(f"the manager here is stoker {running}; `stoker reexec` replaces it")
    return 0


def _running(call: Call) -> str | None:
    from stoker.errors import StokerError

    try:
        return str(call.client().get("/v1", patience=2)["stoker"])
    except StokerError:  # none runs, or we may not ask: the question was about us
        return None
