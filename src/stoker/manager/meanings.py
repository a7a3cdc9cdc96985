"""What the keeper's signals mean: by the settings, else as they always do."""

from __future__ import annotations

import signal
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from stoker.model import Request, display, signal_name

if TYPE_CHECKING:
    from .core import Manager

__all__ = ["Meanings"]

_USUAL: dict[int, str] = {
    signal.SIGTERM: "down",
    signal.SIGINT: "down",
    signal.SIGHUP: "reload",
}
_PUBLISHED: dict[int, str] = dict.fromkeys(
    (signal.SIGHUP, signal.SIGQUIT, signal.SIGABRT), "down"
)  # where each of them has always meant the same (sysmgr)
_WHO = "a signal to the keeper"


class Meanings:
    """Carries out what signals mean. `asked`: how often everything was asked to go down."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self.asked = 0

    def of(self, number: int) -> str | tuple[str, ...]:
        """ "down", "reload", "ignore", or the patterns of the services that get it."""
        manager = self._manager
        usual = _USUAL | (_PUBLISHED if manager.place.published else {})
        return manager.settings.signals.get(number, usual.get(number, "ignore"))

    def heard(self, number: int, count: int) -> None:
        """A signal has come, so many times. A second "down" means at once."""
        meaning = self.of(number)
        if isinstance(meaning, tuple):
            self._pass_on(number, meaning)
        elif meaning == "down":
            for _ in range(min(count, 2)):
                self._down(number)
        elif meaning == "reload":
            self._manager.reloading.unasked(_WHO)

    def _down(self, number: int) -> None:
        name = f"SIG{signal_name(number)}"
        self.asked += 1
        self._manager.log(f"{name}: everything goes down")
        if not self._manager.leaving:
            self._manager.submit(Request(verb="down", who=_WHO, why=f"signal {name}"))

    def _pass_on(self, number: int, patterns: tuple[str, ...]) -> None:
        """Each instance that is meant and has a main process gets it."""
        if self._manager.leaving:
            return
        running = [fmri for fmri, i in self._manager.engine.instances.items() if i.main]
        names = tuple(fmri for fmri in running if _means(patterns, fmri))
        if names:
            request = Request(verb="signal", names=names, signal=number, who=_WHO)
            self._manager.submit(request)


def _means(patterns: tuple[str, ...], fmri: str) -> bool:
    return any(fnmatchcase(name, one) for name in (display(fmri), fmri) for one in patterns)
