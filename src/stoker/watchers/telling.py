"""Looking, telling, and waiting for a reason to look again."""

from __future__ import annotations

import os
import select
import sys
import time
from typing import NamedTuple, Protocol

from stoker.client import Client, give
from stoker.errors import NoManager, NotYet, Refused, StokerError
from stoker.linux import notify

__all__ = ["Sight", "Teller", "Watcher", "watch"]

_FIRST, _LONGEST = 0.1, 5.0  # seconds between tries to reach a manager


class Sight(NamedTuple):
    """What a watcher sees: whether the condition is met, and why it is not (or by what it is)."""

    met: bool
    why: str = ""


class Watcher(Protocol):
    """One condition of the machine."""

    gives: str

    def look(self) -> Sight:
        """How things are now."""

    def descriptors(self) -> dict[int, int]:
        """What to wait on: descriptor to poll(2) events."""

    def heard(self, fd: int) -> None:
        """A descriptor is ready: read what it has, so that it can be waited on again."""

    def patience(self) -> float | None:
        """Seconds after which to look again although nothing was heard; None: never."""


class Teller:
    """The way to the manager: says what is to be said until it has been heard."""

    def __init__(self, name: str, socket: str, gives: str) -> None:
        self.name = name
        self.gives = gives
        self.client = Client(socket)
        self.ready = False
        self.told: Sight | None = None
        self._wait = _FIRST

    @property
    def fd(self) -> int:
        """The connection, which hangs up when the manager ends; -1 when there is none."""
        try:
            return self.client.fileno()
        except AttributeError:  # not connected
            return -1

    def lost(self) -> None:
        """The manager ended: the next one is told again."""
        self.client.close()
        self.told = None

    def tell(self, sight: Sight) -> float | None:
        """Say it, unless it was said. None when it was heard; else the seconds until the next
        try.
        """
        if sight == self.told:
            return None
        try:
            answer = give(self.client, self.name, self.gives, sight.met, why=sight.why)
            refused = answer["outcome"] == "failed"
        except (NoManager, NotYet):  # none there just now: its keeper starts one
            return self._again()
        except Refused as error:
            print(f"the manager refuses: {error}", file=sys.stderr)
            return self._again()
        except StokerError as error:  # not known as a watcher yet, as after a reload: it will be
            print(f"the manager does not take it: {error}", file=sys.stderr)
            return self._again()
        if refused:
            print(f"the manager does not take it: {answer['note']}", file=sys.stderr)
            return self._again()
        self.told = sight
        self._wait = _FIRST
        word = "met" if sight.met else "unmet"
        print(f"{self.gives} is {word}" + (f": {sight.why}" if sight.why else ""), flush=True)
        status = f"STATUS={word}" + (f": {sight.why}" if sight.why else "")
        notify.send(status if self.ready else f"READY=1\n{status}")
        self.ready = True
        return None

    def _again(self) -> float:
        self.lost()
        self._wait = min(self._wait * 2, _LONGEST)
        return self._wait


def teller(gives: str) -> Teller:
    """The teller of a watcher that a manager started: it has its name and its manager's socket in
    the environment. Raises OSError.
    """
    name, socket = os.environ.get("STOKER_FMRI", ""), os.environ.get("STOKER_SOCKET", "")
    if not name or not socket:
        raise OSError("a watcher is started by a manager (STOKER_FMRI, STOKER_SOCKET)")
    return Teller(name, socket, gives)


def watch(watcher: Watcher) -> None:
    """Look and tell, for ever. Raises OSError when the machine does not let itself be watched."""
    telling = teller(watcher.gives)
    last: float = 0.0
    sight: Sight | None = None
    while True:
        now = time.monotonic()
        patience = watcher.patience()
        if sight is None or patience is None or now - last < patience:
            pass
        else:
            sight = None
        if sight is None:
            sight, last = watcher.look(), now
            patience = watcher.patience()
        waits = [left for left in (telling.tell(sight), patience) if left is not None]
        if _wait(watcher, telling, min(waits, default=None)):
            sight = None


def _wait(watcher: Watcher, telling: Teller, seconds: float | None) -> bool:
    """Wait for news or so long. True when it is time to look again."""
    poll = select.poll()
    for fd, events in watcher.descriptors().items():
        poll.register(fd, events)
    link = telling.fd
    if link >= 0:
        poll.register(link, select.POLLIN | select.POLLRDHUP)
    ready = poll.poll(None if seconds is None else max(1, int(seconds * 1000)))
    news = False
    for fd, _events in ready:
        if fd == link:
            telling.lost()
        else:
            watcher.heard(fd)
            news = True
    return news
