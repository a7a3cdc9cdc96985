"""Writes the place of the machine, in a process of its own: definitions may be anything.

Called by the first process as RUN STATE LOGS EVENT…; prints the keeper's command as JSON. The place
is written before the definitions are read, so that a manager can begin whatever becomes of those.
"""

from __future__ import annotations

import json
import os
import sys

from stoker.client import Launch, prepare
from stoker.model import Compiled, Place, encode_compiled, system_place

from .console import say
from .programs import keeper_argv

__all__ = ["machine_place", "main"]


def machine_place(run: str, state: str, logs: str) -> Place:
    """The place of a machine of which we are the system manager."""
    place = system_place({}, 0, runtime=run)
    place.state, place.logs, place.machine = state, logs, True
    return place


def main(words: list[str]) -> int:
    """The program. Returns 0; what is wrong with definitions is said, and no failure."""
    run, state, logs, *events = words
    place = machine_place(run, state, logs)
    with Launch(place):
        prepare(place, encode_compiled(Compiled()))
        from stoker.formats import compile_place  # only now: not even this may hinder the first

        compiled = compile_place(place)
        for one in compiled.mistakes:
            if one.level == "error":
                say(f"{one.file or 'definitions'}:{one.line or ''}: {one.message}")
        prepare(place, encode_compiled(compiled))
    print(json.dumps({"keeper": keeper_argv(run, place.log, events)}))
    sys.stdout.flush()
    os._exit(0)
