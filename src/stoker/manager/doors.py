"""What the doors into the manager are told, each in the order in which they were made.

A door that fails at it is a mistake of ours like any other: it keeps neither the other doors from
being told, nor the manager from what it was about to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from stoker.model import Definition

__all__ = ["Doors"]


class Doors:
    """`failed(error)` hears of what a door could not do."""

    def __init__(self, failed: Callable[[Exception], object]) -> None:
        self._failed = failed
        self._defined: list[Callable[[list[Definition]], object]] = []
        self._touched: list[Callable[[Sequence[str]], object]] = []
        self._parting: list[Callable[[], object]] = []

    def join(
        self,
        *,
        defined: Callable[[list[Definition]], object] | None = None,
        touched: Callable[[Sequence[str]], object] | None = None,
        parting: Callable[[], object] | None = None,
    ) -> None:
        """Tell a door of these. Whoever joins while something is told hears of it too."""
        if defined is not None:
            self._defined.append(defined)
        if touched is not None:
            self._touched.append(touched)
        if parting is not None:
            self._parting.append(parting)

    def defined(self, new: list[Definition]) -> None:
        """Definitions were read for the first time; nothing is decided about them yet."""
        for call in self._defined:
            self._guard(lambda call=call: call(new))  # type: ignore[misc]

    def touched(self, keys: Iterable[str]) -> None:
        """Something is new about these, of which only instances matter here."""
        fmris = [key for key in keys if key.startswith("svc:")] if self._touched else []
        for call in self._touched:
            self._guard(lambda call=call: call(fmris))  # type: ignore[misc]

    def parting(self) -> None:
        """Everything is down, and the manager is about to end."""
        for call in self._parting:
            self._guard(call)

    def _guard(self, call: Callable[[], object]) -> None:
        try:
            call()
        except Exception as error:
            self._failed(error)
