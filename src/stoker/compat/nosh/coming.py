"""What a scanner has asked to be loaded is started as soon as it is, and what is never loaded holds
up nothing.
"""

from __future__ import annotations

import time

from stoker.errors import Failed, NoManager

from .bundles import Bundle, complain
from .jobs import activate
from .supervised import command, is_supervised

__all__ = ["Coming"]

_PATIENCE = 60.0  # seconds in which nothing at all is loaded, before that is said
_SOON = 0.01  # seconds between looks at a few; at many, so much more that looking is not all we do
_FEW = 100


class Coming:
    """Bundles by the entry that led to them, a log before who writes to it. `rpc`: the service
    manager's socket.
    """

    def __init__(self, program: str, rpc: str) -> None:
        self._program = program
        self._rpc = rpc
        self._entries: dict[str, list[tuple[Bundle, bool]]] = {}
        self._end = 0.0
        self.came = False  # whether any has come, since somebody said that none has

    @property
    def busy(self) -> bool:
        """Whether something is to come yet: then `advance` is to be called after `pause`."""
        return bool(self._entries)

    @property
    def pause(self) -> float:
        """Seconds."""
        return _SOON * (1 + len(self._entries) / _FEW)

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def add(self, name: str, bundles: list[tuple[Bundle, bool]]) -> None:
        """These were asked to be loaded; each with whether its first input is to start it."""
        if bundles:
            self._entries[name] = bundles
            self._end = time.monotonic() + _PATIENCE

    def advance(self) -> list[str]:
        """Start what has been loaded meanwhile, but for what is disabled. The entries of which
        nothing is to come any more.
        """
        done = []
        late = time.monotonic() > self._end
        for name, bundles in list(self._entries.items()):
            while bundles and self._is_settled(*bundles[0], late):
                del bundles[0]
                self._end = time.monotonic() + _PATIENCE  # thousands take their time
            if not bundles:
                del self._entries[name]
                done.append(name)
        return done

    def _is_settled(self, bundle: Bundle, by_input: bool, late: bool) -> bool:
        try:
            if not is_supervised(bundle.supervise):
                if late:
                    raise Failed(f"{bundle.path}: was not loaded")
                return False
            self.came = True
            if bundle.has("down"):
                return True
            if by_input:
                activate(self._rpc, bundle)
            else:
                command(bundle.supervise, "u")
        except (Failed, NoManager, OSError) as error:
            complain(self._program, error)
        return True
