"""A boot chart as lines of text, and as an SVG picture."""

from __future__ import annotations

from collections.abc import Callable, Collection
from html import escape
from itertools import pairwise
from typing import Any

from stoker.model import display

__all__ = ["boot_svg", "boot_text"]

WAITING, STARTING, UP, LOST = "·", "▒", "█", "×"
_LEAST = 20  # columns of bars
_BEYOND = 1.1  # times the last that happened
_ROW, _BAR, _LEFT, _WIDE = 18, 12, 190, 900  # pixels
_COLOURS = {WAITING: "#dddddd", STARTING: "#e8a33d", UP: "#4f9d69", LOST: "#c8553d"}
_STEPS = (1, 2, 5)
_OWN = {"kernel": "(kernel)", "manager": "(stoker)"}


def boot_text(chart: dict[str, Any], width: int, names: Collection[str] | None = None) -> list[str]:
    """The chart in so many columns; the services that are on the critical path have a star.
    `names`: FMRIs of those to be drawn, None for all.
    """
    rows = _rows(chart, names)
    end = _end(chart)
    long = max([len(name) for name, _row in rows] + [4])
    room = max(_LEAST, width - long - 20)
    lines = [f"{'NAME':{long}}   WAITED STARTING  {_scale(end, room)}"]
    for name, row in rows:
        mark = "*" if row.get("critical") else " "
        waited = _seconds(row["waited"])
        starting = _seconds(row["starting"])
        bar = _bar(row, end, room)
        lines.append(f"{name:{long}} {mark} {waited:>6} {starting:>8}  {bar}".rstrip())
    return [*lines, *_path_text(chart)]


def _rows(chart: dict[str, Any], names: Collection[str] | None) -> list[tuple[str, dict[str, Any]]]:
    """The rows from top to bottom: what comes before services, then those."""
    rows = []
    began = chart["kernel"] or 0.0
    if chart["kernel"] is not None:
        rows.append((_OWN["kernel"], _own(0.0, began)))
    rows.append((_OWN["manager"], _own(began, chart["manager"])))
    for one in chart["services"]:
        if names is not None and one["fmri"] not in names:
            continue
        waited = None
        if one["started"] is not None:
            waited = max(0.0, one["started"] - chart["manager"])
        rows.append((display(one["fmri"]), {**one, "from": chart["manager"], "waited": waited}))
    return rows


def _own(begun: float, ready: float) -> dict[str, Any]:
    return {
        "started": begun,
        "ready": ready,
        "given_up": None,
        "waited": None,
        "starting": ready - begun,
        "from": begun,
        "quiet": True,
    }


def _end(chart: dict[str, Any]) -> float:
    """The last moment that is drawn: a little later than anything happened, where somebody waits
    still.
    """
    last = chart["settled"]
    if last is None:
        told = [one[key] for one in chart["services"] for key in ("started", "ready", "given_up")]
        happened = max((moment for moment in told if moment is not None), default=chart["now"])
        last = min(chart["now"], happened * _BEYOND)
    return max(float(last), float(chart["manager"]), 0.001)


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _state(row: dict[str, Any], moment: float) -> str:
    """How a row is at a moment."""
    if row["given_up"] is not None and moment >= row["given_up"]:
        return LOST
    if row["ready"] is not None and moment >= row["ready"]:
        return " " if row.get("quiet") else UP
    if row["started"] is not None and moment >= row["started"]:
        return STARTING
    return WAITING if moment >= row["from"] else " "


def _bar(row: dict[str, Any], end: float, room: int) -> str:
    cells = [_state(row, (at + 0.5) * end / room) for at in range(room)]
    begun, ready = row["started"], row["ready"]
    if begun is not None and ready is not None and ready > begun and STARTING not in cells:
        cells[min(room - 1, int(begun / end * room))] = STARTING  # short as it was, it was
    return "".join(cells)


def _step(end: float, most: int) -> float:
    """The distance between the marks of a scale, at most so many of them."""
    size = 0.001
    while True:
        for one in _STEPS:
            if end / (size * one) <= most:
                return size * one
        size *= 10


def _scale(end: float, room: int) -> str:
    step = _step(end, max(1, room // 10))
    cells = [" "] * (room + 8)
    number = 0
    while number * step <= end:
        text = f"{number * step:.10g}" + ("s" if number == 0 else "")
        at = int(number * step / end * room)
        cells[at : at + len(text)] = text
        number += 1
    return "".join(cells).rstrip()


def _path_text(chart: dict[str, Any]) -> list[str]:
    """The critical path, a line for each step of it."""
    known = {one["fmri"]: one for one in chart["services"]}
    if not chart["critical"]:
        return []
    lines = ["", "critical path:"]
    before = chart["manager"]
    lines.append(f"  {_OWN['manager']}: {chart['manager']:.2f} s")
    for fmri in chart["critical"]:
        one = known[fmri]
        waited = max(0.0, one["started"] - before)
        text = f"{one['starting']:.2f} s starting"
        if waited >= 0.005:
            text = f"{waited:.2f} s waiting, {text}"
        lines.append(f"  {display(fmri)}: {text}, up at {one['ready']:.2f} s")
        before = one["ready"]
    return lines


def boot_svg(chart: dict[str, Any], title: str, names: Collection[str] | None = None) -> str:
    """The chart as a picture that needs nothing else."""
    rows = _rows(chart, names)
    end = _end(chart)
    room = _WIDE - _LEFT - 20
    high = 50 + _ROW * len(rows) + 10

    def x(moment: float) -> float:
        return round(_LEFT + min(moment, end) / end * room, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDE}" height="{high}" '
        f'viewBox="0 0 {_WIDE} {high}" font-family="sans-serif" font-size="11">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{_WIDE}" height="{high}" fill="white"/>',
        f'<text x="10" y="18" font-size="13">{escape(title)}</text>',
    ]
    step = _step(end, 10)
    for number in range(int(end / step + 1e-9) + 1):
        at = x(number * step)
        parts.append(f'<line x1="{at}" y1="40" x2="{at}" y2="{high - 10}" stroke="#eeeeee"/>')
        parts.append(f'<text x="{at}" y="36" fill="#777777">{number * step:.10g} s</text>')
    for place, (name, row) in enumerate(rows):
        parts += _svg_row(name, row, 44 + place * _ROW, end, x)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _svg_row(
    name: str, row: dict[str, Any], top: int, end: float, x: Callable[[float], float]
) -> list[str]:
    weight = ' font-weight="bold"' if row.get("critical") else ""
    text = f"{name}: waited {_seconds(row['waited'])} s, starting {_seconds(row['starting'])} s"
    parts = [
        f"<g><title>{escape(text)}</title>",
        f'<text x="{_LEFT - 8}" y="{top + 10}" text-anchor="end"{weight}>{escape(name)}</text>',
    ]
    moments = [row["from"], row["started"], row["ready"], row["given_up"], end]
    times = sorted({min(one, end) for one in moments if one is not None})
    for first, last in pairwise(times):
        state = _state(row, (first + last) / 2)
        if state in _COLOURS:
            wide = round(x(last) - x(first), 1)
            parts.append(
                f'<rect x="{x(first)}" y="{top}" width="{wide}" height="{_BAR}" '
                f'fill="{_COLOURS[state]}"/>'
            )
    return [*parts, "</g>"]
