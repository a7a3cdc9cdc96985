"""Find every mistake in definitions, and say what would start, in order."""

from __future__ import annotations

from ..call import Call
from ..say import clean, dump, plural
from ..settling import mistake_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from stoker.model import Definition, Place

__all__ = ["look_over", "run"]

_ASKED_FOR = ("svc:/target/sysinit:default", "svc:/target/normal:default")


def run(call: Call) -> int:
    """Read everything as `up` would; start nothing."""
    place = call.defined_place()
    if place.kind == "system":
        from ..machine import is_machine

        place.machine = is_machine(place)
    return look_over(call, place)


def look_over(call: Call, place: Place) -> int:
    """Say what `place` defines: mistakes, what is ignored, what would start, in order."""
    import msgspec

    from stoker.client import service_path
    from stoker.formats import advise, compile_place
    from stoker.insight import draw_loop, loops, start_order

    compiled = compile_place(place)
    told = [*compiled.mistakes, *advise(compiled.definitions, place, service_path(place))]
    told.sort(key=lambda one: (one.file or "", one.line or 0))
    mistakes = [msgspec.structs.asdict(one) for one in told]
    order: list[list[str]] = start_order(_wanted(compiled.definitions, place))
    circles = [list(loop) for loop in loops(compiled.definitions)]
    failed = any(one["level"] == "error" for one in mistakes) or bool(circles)
    if call.json:
        dump(
            {
                "version": 1,
                "ok": not failed,
                "mistakes": mistakes,
                "loops": circles,
                "ignored": [{"path": path, "why": why} for path, why in compiled.ignored],
                "order": order,
                "definitions": [one.fmri for one in compiled.definitions],
            }
        )
        return 1 if failed else 0
    for one in mistakes:
        print(mistake_text(one))
    known = {one.fmri: one for one in compiled.definitions}
    for circle in circles:
        text = f"error: dependency loop: {draw_loop(circle)} (none of them can ever start)"
        print(clean(f"{_where(known[circle[0]])}: {text}"))
    for path, why in compiled.ignored:
        print(clean(f"ignored: {path}: {why}"))
    _order(order, _wanted(compiled.definitions, place))
    return 1 if failed else 0


def _wanted(definitions: Iterable[Definition], place: Place) -> list[Definition]:
    """All of them; of a machine with the targets that its boot asks for as though enabled."""
    import msgspec

    return [
        msgspec.structs.replace(one, enabled=True)
        if place.machine and one.fmri in _ASKED_FOR
        else one
        for one in definitions
    ]


def _where(definition: Definition) -> str:
    """Where a definition says what it needs."""
    return definition.origins.get("dependency", definition.source)


def _order(order: list[list[str]], definitions: Any) -> None:
    from stoker.model import display

    if not definitions:
        print("no services are defined")
        return
    print(plural(len(definitions), "instance") + ("; in this order:" if order else ""))
    for number, together in enumerate(order, 1):
        print(clean(f"{number:>4}. {', '.join(display(fmri) for fmri in together)}"))
    started = {fmri for together in order for fmri in together}
    waits = [display(one.fmri) for one in definitions if one.enabled and one.fmri not in started]
    if waits:
        print(clean(f"would not start: {', '.join(waits)}"))
    resting = [one.fmri for one in definitions if not one.enabled and one.fmri not in started]
    off = [display(fmri) for fmri in resting]
    if off:
        print(clean(f"not enabled: {', '.join(off)}"))
