"""The words by which a machine is told what to be: of the kernel's command line, of init and
telinit (nosh.md 6.4).

The highest of all that are said counts; an unknown word is passed over, with a warning. There are
no run levels: digits are other words for modes.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["EVENTS", "WORDS", "event_of", "steps"]

EVENTS = (*("normal", "halt", "reboot", "powercycle", "poweroff", "update", "rescue", "emergency"),)
"""From the lowest to the highest."""

WORDS: dict[str, str] = {
    **dict.fromkeys(("2", "3", "4", "5", "m", "auto", "default", "normal", "multi"), "normal"),
    **dict.fromkeys(("1", "S", "s", "single", "rescue", "-s"), "rescue"),
    **dict.fromkeys(("b", "B", "emergency", "-b"), "emergency"),
    **dict.fromkeys(("H", "h", "halt"), "halt"),
    **dict.fromkeys(("C", "c", "powercycle"), "powercycle"),
    **dict.fromkeys(("0", "poweroff"), "poweroff"),
    **dict.fromkeys(("6", "reboot"), "reboot"),
    **dict.fromkeys(("-o", "update"), "update"),
}
_IGNORED = {"-a", "-f"}
_VALUED = {"-z"}  # with a word of its own; inits of old take it for room in their title


def event_of(words: Iterable[str]) -> tuple[str, list[str]]:
    """The event that these words ask for ("" for none), and those that are not understood."""
    best, unknown = "", []
    rest = iter(words)
    for word in rest:
        if word in _VALUED:
            next(rest, None)
        elif word in WORDS:
            best = max(best, WORDS[word], key=_rank)
        elif word not in _IGNORED:
            unknown.append(word)
    return best, unknown


def steps(event: str) -> tuple[str, ...]:
    """The events by which a machine that boots comes to a mode, in order."""
    if event == "emergency":
        return ("emergency",)
    return ("sysinit", event or "normal")


def _rank(event: str) -> int:
    return EVENTS.index(event) if event else -1
