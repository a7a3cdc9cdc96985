"""What the control socket needs of a manager, as a type: `stoker.manager.Manager` offers it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from stoker.errors import StokerError
from stoker.model import EventView, InstanceView, Place, Request, Settings, StatusView

__all__ = ["Offers"]


class Offers(Protocol):
    """The manager as its doors see it.

    `engine` is read and copied, never told anything. `compiled` is the last compile's result.
    `milestone` says what another one would ask for.
    `delegation`: where restarters register, and say how their instances are.
    """

    place: Place
    settings: Settings
    generation: int
    engine: Any
    compiled: Any
    milestone: Any
    delegation: Any

    def now(self) -> Any:
        """The moment, as the engine wants it."""
        ...

    def about(self) -> dict[str, Any]:
        """Facts about the manager itself: pid, keeper_pid, containment, notices, and so on."""
        ...

    def submit(self, request: Request) -> int:
        """Make a request an operation; returns its number. Raises Refused."""
        ...

    def waits(self, pid: int, fmris: Sequence[str]) -> Callable[[], object]:
        """Show the service that this process is of, if it is of any, as waiting for these; returns
        what ends that.
        """
        ...

    def views(self) -> Sequence[InstanceView]:
        """All instances, sorted by FMRI."""
        ...

    def view(self, fmri: str) -> InstanceView:
        """One instance. Raises NoSuchService."""
        ...

    def status(self, fmri: str) -> StatusView:
        """Everything about one instance. Raises NoSuchService."""
        ...

    @property
    def cursor(self) -> int:
        """The cursor of the newest event."""
        ...

    def events(self, cursor: int) -> Sequence[EventView]:
        """The events after `cursor`; the first is of kind "gap" where older ones are lost."""
        ...

    def subscribe(self, call: Callable[..., object]) -> Callable[[], object]:
        """Call `call` after each turn that made events; returns what ends that."""
        ...

    def reload(
        self, call: Callable[[dict[str, Any]], object], dry_run: bool = False, who: str = ""
    ) -> None:
        """Read the definitions again; `call` gets {changes, mistakes, operation} at the end."""
        ...

    def change(self, path: str, who: str, call: Callable[[str, str, bool], object]) -> None:
        """Have the change of properties in a file made durable; `call(why, hint, refused)`, why ""
        when it is. Raises Failed.
        """
        ...

    def reexec(self, call: Callable[[StokerError | None], object]) -> None:
        """Have keeper, recorder and manager replaced by what is installed now; `call(None)` when
        that is done but for the manager, `call(error)` when it is not. Raises Failed.
        """
        ...

    def log(self, text: str) -> None:
        """One line in the place's log."""
        ...
