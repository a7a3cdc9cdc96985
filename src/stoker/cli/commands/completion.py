"""Print the completion of a shell, or the names it completes."""

from __future__ import annotations

from ..call import Call
from ..table import VERBS

__all__ = ["run"]


def run(call: Call) -> int:
    """`--names`: what runs here, and nothing at all where nothing does."""
    if call.get("verbs") or call.get("names"):
        words = [verb.name for verb in VERBS] if call.get("verbs") else names(call)
        if call.json:
            from ..say import dump

            dump({"version": 1, "words": words})
        elif words:
            print("\n".join(words))
        return 0
    shell = call.arguments["shell"]
    if shell is None:
        from stoker.errors import UsageError

        raise UsageError("which shell?", hint=f"usage: {call.verb.usage}")
    from ..shells import script

    text = script(shell)
    if call.json:
        from ..say import dump

        dump({"version": 1, "shell": shell, "script": text})
    else:
        print(text, end="")
    return 0


def names(call: Call) -> list[str]:
    """The names of the instances here, in no time: a shell waits for them."""
    from stoker.errors import StokerError

    try:
        rows = call.client().get("/v1/instances", patience=1)["instances"]
    except StokerError:  # nobody runs here: there is nothing to complete
        return []
    return [row["name"] for row in rows]
