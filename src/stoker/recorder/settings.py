"""How one instance's output is kept: `model.LogSettings` as the recorder holds it (without
msgspec, for memory).
"""

from __future__ import annotations

from typing import Any

__all__ = ["Settings"]

MODES = ("lines", "plain", "json", "smf", "file", "passthrough", "none")


class Settings:
    """Fields as in `model.LogSettings`, with its defaults; unknown keys are left alone, bad
    values become the default.
    """

    __slots__ = ("age", "compress", "count", "mode", "path", "prefix", "size", "total")

    def __init__(self, given: dict[str, Any] | None = None) -> None:
        said = given or {}
        mode = said.get("mode", "lines")
        self.mode: str = mode if mode in MODES else "lines"
        self.path: str = str(said.get("path") or "")
        self.size: int = _number(said.get("size"), 10_000_000)
        self.age: float | None = _optional(said.get("age"))
        self.count: int = _number(said.get("count"), 5, least=0)
        total = _optional(said.get("total"))
        self.total: int | None = None if total is None else int(total)
        self.compress: bool = bool(said.get("compress", True))
        self.prefix: bool = bool(said.get("prefix", True))

    def to_json(self) -> dict[str, Any]:
        """What `Settings` makes the same settings of again."""
        return {name: getattr(self, name) for name in self.__slots__}


def _number(value: object, default: int, least: int = 1) -> int:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and value >= least
    return int(value) if good else default  # type: ignore[call-overload]


def _optional(value: object) -> float | None:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0
    return float(value) if good else None  # type: ignore[arg-type]
