"""Questions answered with the engine itself: why, what if, in which order.

Decides nothing and keeps nothing. `explain` asks the engine's own gates; `plan` and `start_order`
run the engine in its simulated world, on a copy or from nothing, so that what is foretold is what
would be done. Nothing here changes the engine that is asked. `boot_chart` looks back instead: at
what the history tells of a start.

Answers are plain data (they go out as JSON as they are). What the simulated world assumes, because
nobody knows better: programs can be started, become ready at once, do not end by themselves, and
end when they are told to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .boot_drawing import boot_svg, boot_text
    from .booting import boot_chart, needs_of
    from .circles import draw_loop, loops
    from .explaining import explain
    from .planning import plan, start_order

# Who asks for one answer does not pay for the others: the manager is among those who ask.
_HOME = {
    "boot_chart": "booting",
    "boot_svg": "boot_drawing",
    "boot_text": "boot_drawing",
    "draw_loop": "circles",
    "explain": "explaining",
    "loops": "circles",
    "needs_of": "booting",
    "plan": "planning",
    "start_order": "planning",
}

__all__ = [
    "boot_chart",
    "boot_svg",
    "boot_text",
    "draw_loop",
    "explain",
    "loops",
    "needs_of",
    "plan",
    "start_order",
]


def __getattr__(name: str) -> Any:
    part = _HOME.get(name)
    if part is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f".{part}", __name__), name)
    globals()[name] = value
    return value
