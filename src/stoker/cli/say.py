"""Words for people: colours only on a terminal, times as one reads them, tables, complaints."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from stoker.errors import StokerError

__all__ = [
    "age",
    "clean",
    "clock",
    "coloured",
    "complain",
    "dump",
    "local",
    "note",
    "paint",
    "plural",
    "seconds_of",
    "since",
    "size",
    "state_of",
    "table",
    "taken",
]

_COLOURS = {
    "online": "32",
    "offline": "33",
    "degraded": "33",
    "maintenance": "31",
    "disabled": "2",
    "uninitialized": "2",
    "bold": "1",
    "dim": "2",
    "red": "31",
    "yellow": "33",
    "green": "32",
}


def coloured(stream: Any = None) -> bool:
    """Whether to use colours: on a terminal, unless NO_COLOR is set (no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return bool((stream or sys.stdout).isatty())


def paint(text: str, colour: str, really: bool) -> str:
    """`text` in a colour, if there are any."""
    code = _COLOURS.get(colour)
    return f"\x1b[{code}m{text}\x1b[0m" if really and code else text


def clean(text: str) -> str:
    """Text of a service or of a person without what would disturb a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\t" else f"\\x{ord(c):02x}" for c in text)


def complain(error: StokerError) -> None:
    """An error, and the one thing to do about it."""
    text = f"stoker: {clean(str(error))}"
    if error.hint:
        text += f"\n  {clean(error.hint)}"
    print(text, file=sys.stderr)


def note(text: str) -> None:
    """What is not the answer itself."""
    print(text, file=sys.stderr, flush=True)


def dump(value: Any) -> None:
    """One JSON object: on one line for programs, indented for a person."""
    import json

    pretty = 2 if sys.stdout.isatty() else None
    print(json.dumps(value, indent=pretty, ensure_ascii=False))


def seconds_of(text: str) -> float:
    """Wall seconds since the epoch of an RFC 3339 time in UTC, as managers write them.

    By arithmetic, because the modules that parse dates take longer to import than a listing may.
    """
    year, month, day = int(text[0:4]), int(text[5:7]), int(text[8:10])
    hour, minute, second = int(text[11:13]), int(text[14:16]), float(text[17:].rstrip("Z"))
    if month <= 2:
        year, month = year - 1, month + 12
    days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * month - 457) // 5 + day
    return (days - 719469) * 86400 + hour * 3600 + minute * 60 + second


def age(seconds: float) -> str:
    """How long ago: 4s, 3m, 2h5m, 3d4h."""
    whole = int(max(0, seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m"
    if whole < 86400:
        rest = whole % 3600 // 60
        return f"{whole // 3600}h" + (f"{rest}m" if rest else "")
    rest = whole % 86400 // 3600
    return f"{whole // 86400}d" + (f"{rest}h" if rest else "")


def since(text: str | None) -> str:
    """How long ago a time was; "-" for none."""
    import time

    return age(time.time() - seconds_of(text)) if text else "-"


def local(text: str | None) -> str:
    """A time as the clock on the wall here says it, with the date unless it is today's."""
    import time

    if not text:
        return "-"
    then = time.localtime(seconds_of(text))
    today = time.localtime()
    shape = "%H:%M:%S" if then[:3] == today[:3] else "%Y-%m-%d %H:%M:%S"
    return time.strftime(shape, then)


def clock(text: str) -> str:
    """The time of day, with milliseconds: for lines that come one after the other."""
    import time

    seconds = seconds_of(text)
    return time.strftime("%H:%M:%S", time.localtime(seconds)) + f".{int(seconds % 1 * 1000):03d}"


def state_of(row: dict[str, Any]) -> str:
    """The state as listings show it; with the next one while it moves."""
    if row.get("next_state"):
        return f"{row['state']}→{row['next_state']}"
    return str(row["state"])


def size(count: int) -> str:
    """Bytes as people read them: 512, 1.5K, 12.3M."""
    value = float(count)
    for unit in ("", "K", "M", "G", "T"):
        if value < 1024 or unit == "T":
            break
        value /= 1024
    return f"{value:.1f}".removesuffix(".0") + unit


def taken(seconds: float) -> str:
    """CPU time: 40ms, 1.25s, 3m."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    return f"{seconds:.2f}s" if seconds < 60 else age(seconds)


def plural(count: int, word: str) -> str:
    """1 service, 2 services."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], colours: Sequence[str] = ()) -> None:
    """Columns as wide as they need be; `colours`: one for the first cell of each row."""
    lines = [list(map(clean, row)) for row in rows]
    paints = coloured()
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    out = []
    for index, row in enumerate([list(head), *lines]):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        if paints and index == 0:
            cells = [paint(cell, "bold", True) for cell in cells]
        elif paints and colours:
            cells[0] = paint(cells[0], colours[index - 1], True)
        out.append("  ".join(cells).rstrip())
    print("\n".join(out))
