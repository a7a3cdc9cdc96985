"""Units: durations, sizes, times and signals, between what people write and numbers.

Durations are seconds (float), sizes bytes (int), times wall nanoseconds since the epoch (int). The
local time zone is used for times that name none. Every parser raises UsageError with an example of
what is right.
"""

from __future__ import annotations

import re
import time

from stoker.errors import UsageError

__all__ = [
    "duration",
    "parse_time",
    "rfc3339",
    "show_duration",
    "signal_name",
    "signal_number",
    "size",
]

_SECONDS: dict[str, float] = {}
for _words, _value in (
    ("ns nsec", 1e-9),
    ("us usec µs μs", 1e-6),
    ("ms msec", 1e-3),
    ("s sec second seconds", 1.0),
    ("m min minute minutes", 60.0),
    ("h hr hour hours", 3600.0),
    ("d day days", 86400.0),
    ("w week weeks", 604800.0),
    ("M month months", 2630016.0),
    ("y year years", 31557600.0),
):
    _SECONDS.update(dict.fromkeys(_words.split(), _value))
_LONGEST = 3_155_760_000.0  # a hundred years; nanoseconds since boot must fit 64 bits

# Compiled when they are first needed: every manager loads this, few are told of a date.
_PART = r"(?a)\s*([0-9]+(?:\.[0-9]+)?)\s*([a-zA-Zµμ]+)"
_SIZE = r"(?a)\s*([0-9]+(?:\.[0-9]+)?)\s*([a-zA-Z]*)\s*"
_CLOCK = r"(?a)([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?"
_DATE = (
    r"(?a)([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?\s*"
    r"(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)


def duration(text: str) -> float:
    """Seconds of "100ms", "10s", "1h 30m", "1.5s". Raises UsageError; a number needs its unit."""
    if len(text) > 100:
        raise UsageError(f"not a duration: {text[:40]!r}…", hint='write "10s", "100ms" or "1m30s"')
    at, total = 0, 0.0
    while at < len(text):
        part = re.compile(_PART).match(text, at)
        if part is None or part[2] not in _SECONDS:
            break
        total += float(part[1]) * _SECONDS[part[2]]
        at = part.end()
    if at == 0 or text[at:].strip():
        bare = text.strip()
        hint = f'write "{bare}s"' if _is_number(bare) else 'write "10s", "100ms" or "1m30s"'
        raise UsageError(f"not a duration: {text!r}", hint=hint)
    if total > _LONGEST:
        raise UsageError(f"{text!r} is longer than a hundred years")
    return total


def show_duration(seconds: float) -> str:
    """A duration as people write it, two units at most: "100ms", "1.5s", "1m30s", "3d4h"."""
    if seconds < 0:
        return "-" + show_duration(-seconds)
    if seconds == 0:
        return "0s"
    if seconds < 0.9995:
        for unit, scale in (("ms", 1e3), ("us", 1e6), ("ns", 1e9)):
            if seconds * scale >= 0.9995:
                return f"{seconds * scale:.3g}{unit}"
        return "0s"
    if seconds < 59.95:
        return f"{seconds:.3g}s"
    whole = round(seconds)
    for big, unit, small, name in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "m"),
        (60, "m", 1, "s"),
    ):
        if whole >= big:
            rest = whole % big // small
            return f"{whole // big}{unit}" + (f"{rest}{name}" if rest else "")
    return f"{whole}s"


def size(text: str) -> int:
    """Bytes of "10M", "1.5G", "512": K M G T and KiB … are powers of 1024, kB MB GB TB of 1000.
    Raises UsageError.
    """
    part = re.fullmatch(_SIZE, text) if len(text) <= 40 else None
    if part is not None:
        number, unit = part[1], part[2]
        low = unit.lower()
        power = "kmgt".find(low[:1]) + 1 if low else 0
        rest = low[1:] if power else low
        if rest in ("", "ib", "b") and (power or rest in ("", "b")):
            base = 1000 if power and rest == "b" else 1024
            scale: int = base**power
            return int(number) * scale if number.isdecimal() else round(float(number) * scale)
    raise UsageError(f"not a size: {text[:40]!r}", hint='write "10M", "1.5G" or a number of bytes')


def rfc3339(wall: int) -> str:
    """UTC with microseconds: "2026-11-21T10:41:25.000000Z"."""
    seconds, rest = divmod(wall, 1_000_000_000)
    at = time.gmtime(seconds)
    return (
        f"{at[0]:04d}-{at[1]:02d}-{at[2]:02d}T{at[3]:02d}:{at[4]:02d}:{at[5]:02d}"
        f".{rest // 1000:06d}Z"
    )


def parse_time(text: str, now: int, *, past: bool = False) -> int:
    """The moment that `text` means, seen from `now` (both wall nanoseconds). Raises UsageError.

    "18:00" is the next such time ("past": the last one), "2h" is in two hours ("past": two hours
    ago); "+2h", "-2h", "now", "today", "tomorrow", "yesterday" (each with a clock time if wanted),
    RFC 3339, "@SECONDS" are what they say.
    """
    words = text.strip()
    low = words.lower()
    if low == "now":
        return now
    if low[:1] == "@" and _is_number(low[1:]):
        return int(float(low[1:]) * 1e9)
    if low[:1] in "+-" and low:
        return now + int(duration(low[1:]) * 1e9) * (1 if low[0] == "+" else -1)
    date = re.fullmatch(_DATE, words)
    if date:
        return _dated(text, date)
    day, _, clock = low.partition(" ")
    if day in ("today", "tomorrow", "yesterday"):
        shift = {"today": 0, "tomorrow": 1, "yesterday": -1}[day]
        return _clock(text, clock or "00:00", now, shift)
    if re.fullmatch(_CLOCK, low) or low in ("noon", "midnight"):
        at = _clock(text, low, now, 0)
        if past and at > now:
            return _clock(text, low, now, -1)
        return at if past or at > now else _clock(text, low, now, 1)
    try:
        length = int(duration(words) * 1e9)
    except UsageError:
        raise _not_a_time(text) from None
    return now - length if past else now + length


def signal_number(text: str) -> int:
    """Number of "HUP", "SIGHUP", "1", "RTMIN+3". Raises UsageError, with the nearest name."""
    import signal

    word = text.strip().upper().removeprefix("SIG")
    if word.isascii() and word.isdecimal() and len(word) < 4 and 0 < int(word) < signal.NSIG:
        return int(word)
    known = {each.name.removeprefix("SIG"): int(each) for each in signal.Signals}
    known |= {"CLD": known["CHLD"], "IOT": known["ABRT"], "POLL": known["IO"]}
    if word in known:
        return known[word]
    real = re.fullmatch(r"RT(MIN\+|MAX-)([0-9]{1,2})", word, re.ASCII)
    if real:
        number = (
            signal.SIGRTMIN + int(real[2]) if real[1] == "MIN+" else signal.SIGRTMAX - int(real[2])
        )
        if signal.SIGRTMIN <= number <= signal.SIGRTMAX:
            return int(number)
    from .names import did_you_mean

    near = did_you_mean(word, known)
    raise UsageError(
        f"no such signal: {text[:40]}",
        hint=f"did you mean {near}?" if near else "as `kill -l` lists them",
    )


def signal_name(number: int) -> str:
    """ "HUP" for 1, "RTMIN+3" for a real-time signal, the number where there is no name."""
    import signal

    if signal.SIGRTMIN < number < signal.SIGRTMAX:
        return f"RTMIN+{number - signal.SIGRTMIN}"
    try:
        return signal.Signals(number).name.removeprefix("SIG")
    except ValueError:
        return str(number)


# -- inside


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,9})?", text, re.ASCII) is not None


def _not_a_time(text: str) -> UsageError:
    return UsageError(
        f"not a time: {text[:40]!r}", hint='write "18:00", "+2h", "tomorrow" or "2026-11-21 18:00"'
    )


def _clock(text: str, clock: str, now: int, shift: int) -> int:
    """Local time of day `clock` on the day of `now`, `shift` days on."""
    clock = {"noon": "12:00", "midnight": "00:00"}.get(clock, clock)
    part = re.fullmatch(_CLOCK, clock)
    if part is None or int(part[1]) > 23 or int(part[2]) > 59 or int(part[3] or 0) > 59:
        raise _not_a_time(text)
    day = time.localtime(now // 1_000_000_000)
    when = (day[0], day[1], day[2] + shift, int(part[1]), int(part[2]), int(part[3] or 0), 0, 0, -1)
    return int(time.mktime(when)) * 1_000_000_000


def _dated(text: str, part: re.Match[str]) -> int:
    from calendar import monthrange, timegm

    year, month, day, hour, minute, second = (int(part[n] or 0) for n in range(1, 7))
    fraction = int((part[7] or "").ljust(9, "0"))
    good = 1970 <= year < 2200 and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]
    if not good or hour > 23 or minute > 59 or second > 60:
        raise _not_a_time(text)
    zone = part[8]
    fields = (year, month, day, hour, minute, second, 0, 0, -1)
    if zone is None:
        seconds = int(time.mktime(fields))
    else:
        seconds = timegm(fields)
        if zone != "Z":
            away = int(zone[1:3]) * 3600 + int(zone[-2:]) * 60
            seconds -= away if zone[0] == "+" else -away
    return seconds * 1_000_000_000 + fraction
