"""Being the system manager of a machine: its first process, and what works beside the manager.

Start line of the kernel's `init=`, as a script, or the same as one line:

    #!PYTHON -I -S
    import sys; sys.path[:0] = [DIRECTORIES OF stoker, msgspec AND h11]
    from stoker.system import main; main()

(PYTHON without -I -S finds the directories by itself; the script `system-manager` of an installed
stoker is that.) Words after it are those that the kernel passes on: `-s`, `single`, `rescue`; `-b`,
`emergency`; digits.

The order of things:

- `boot` mounts what every program needs, takes the hotkeys, makes the root file system writable,
  has `prepare` write the place of the machine (/run/stoker) in a process of its own, and executes
  the keeper. It parses no definition, and whatever goes wrong in a step is said and passed over.
- The keeper keeps manager, recorder and `director`. The director receives the machine's signals
  (`signals`), runs one job at a time in each of three slots (`slots`), each with an alarm, and says
  when all is to end. It works without the manager.
- A job (`job`) is a process: it asks the manager to start a target (`targets/`), shows what the
  end waits for, or is a shell on the console (`shell`).
- At last the keeper executes `finish`: kill, unmount, synchronise, power state.

What a machine's definitions have besides those of any place is put there by `stoker.formats` when
the place is a machine's: the targets, and that everything comes after `target/basic` and stops
before `target/shutdown`.

Invariants: the first process never ends and never waits without an end; nothing that one step,
file or job does wrong keeps a person from a shell on the console; there is one way down, and it has
a last rung.

Must not: decide anything about a service; read definitions in the first process; be imported by the
manager.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .boot import main
    from .everybody import wall
    from .modes import EVENTS, WORDS, event_of
    from .records import shutdown as record_end
    from .signals import NUMBERS, event_named
    from .telling import init, is_first, run_directory, tell, tell_user

_PARTS = {
    "main": "boot",
    "EVENTS": "modes",
    "WORDS": "modes",
    "event_of": "modes",
    "NUMBERS": "signals",
    "event_named": "signals",
    "init": "telling",
    "is_first": "telling",
    "run_directory": "telling",
    "wall": "everybody",
    "tell": "telling",
    "tell_user": "telling",
}

__all__ = [
    "EVENTS",
    "NUMBERS",
    "WORDS",
    "event_named",
    "event_of",
    "init",
    "is_first",
    "main",
    "record_end",
    "run_directory",
    "tell",
    "tell_user",
    "wall",
]


def __getattr__(name: str) -> Any:
    if name == "record_end":
        from .records import shutdown

        return shutdown
    part = _PARTS.get(name)
    if part is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(__import__(f"{__name__}.{part}", fromlist=[name]), name)
