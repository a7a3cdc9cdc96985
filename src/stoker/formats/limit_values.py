"""Kinds of value that bound what a service may use: processors, resources, devices."""

from __future__ import annotations

import re
from typing import Any

from stoker.model import size

from .kinds import BAD, Kind, Number, Size, Spot, Whole, told

__all__ = ["Processors", "Resource", "Throttles"]


class Processors(Kind):
    """Processor time: a number of processors, or a percentage of one."""

    python = int | float | str
    words = 'a number of processors, or a percentage such as "50%"'

    def read(self, value: Any, spot: Spot) -> Any:
        if isinstance(value, str):
            part = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)%", value.strip())
            if part is None:
                return spot.wrong(f"expected {self.words}, not {told(value)}")
            value = float(part[1]) / 100
        return Number(0.001, 100_000).read(value, spot)


class Resource(Kind):
    """A resource limit (getrlimit(2)): one value, or [soft, hard]; "unlimited" for none."""

    python = int | str | list[int | str]
    words = 'a number, "unlimited" or [soft, hard]'

    def __init__(self, unit: str = "") -> None:
        self.unit = unit

    def read(self, value: Any, spot: Spot) -> Any:
        if isinstance(value, list):
            if len(value) != 2:
                return spot.wrong(f"expected {self.words}, not a list of {len(value)}")
            soft, hard = (self.one(item, spot.at(at)) for at, item in enumerate(value))
            if soft is BAD or hard is BAD:
                return BAD
            if hard != -1 and (soft == -1 or soft > hard):
                return spot.wrong("the soft limit is above the hard limit", "write [soft, hard]")
            return soft, hard
        both = self.one(value, spot)
        return BAD if both is BAD else (both, both)

    def one(self, value: Any, spot: Spot) -> Any:
        if value in ("unlimited", "infinity"):
            return -1
        if self.unit == "size":
            return Size().read(value, spot)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**62:
            return spot.wrong(f"expected {self.words}, not {told(value)}")
        return value


class Throttles(Kind):
    """I/O limits: device to cgroup2's own words (io.max), or `weight`."""

    python = dict[str, str | int]
    words = "a table of devices"
    merges = True

    def read(self, value: Any, spot: Spot) -> Any:
        if not isinstance(value, dict):
            return spot.wrong(f"expected {self.words}, not {told(value)}")
        found = {name: self.one(name, text, spot.at(name)) for name, text in value.items()}
        return BAD if any(item is BAD for item in found.values()) else found

    def one(self, name: str, text: Any, spot: Spot) -> Any:
        if name == "weight":
            number = Whole(1, 10_000).read(text, spot)
            return BAD if number is BAD else str(number)
        if not name.startswith("/dev/") and not re.fullmatch(r"[0-9]+:[0-9]+", name):
            return spot.wrong(f'"{name[:40]}" is not a device', 'write "/dev/NAME", or weight')
        words = text.split() if isinstance(text, str) else []
        parts = []
        for word in words:
            part = re.fullmatch(r"(rbps|wbps|riops|wiops)=(max|[0-9]+[kKmMgG]?)", word)
            if part is None:
                words = []
                break
            parts.append(f"{part[1]}={part[2] if part[2] == 'max' else size(part[2])}")
        if not words:
            return spot.wrong(
                f"expected io.max's words, not {told(text)}", 'write "rbps=10M wiops=200"'
            )
        return " ".join(parts)
