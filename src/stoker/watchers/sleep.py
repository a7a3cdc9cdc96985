"""active: logind is about to put the machine to sleep, or has woken it (org.freedesktop.login1).

A delay lock is held while nothing sleeps. On PrepareForSleep(true) the manager is told, and the
lock is given up when it says that everything has stopped; on PrepareForSleep(false) it is told, and
a new lock is taken. logind waits for its InhibitDelayMaxSec, no longer. Where it is replaced, its
successor is asked how things are, and gives a new lock.

Needs jeepney (the extra `dbus`), and the system bus: without either the watcher ends, and is tried
again as any service.
"""

from __future__ import annotations

import os
import select
from typing import Any

from stoker.client import Client, give
from stoker.errors import StokerError

from .telling import Sight, Teller, teller

__all__ = ["Logind", "Sleep", "run"]

_NAME, _PATH = "org.freedesktop.login1", "/org/freedesktop/login1"
_MANAGER = "org.freedesktop.login1.Manager"
_SLICE = 20.0  # seconds that one question to the manager may stay unanswered


class Logind:
    """logind on the system bus. Raises OSError when the bus or jeepney is not there."""

    def __init__(self) -> None:
        try:
            from jeepney import DBusAddress, MatchRule, Properties, message_bus, new_method_call
            from jeepney.io.blocking import open_dbus_connection
        except ImportError:
            raise OSError("jeepney is not installed: pip install 'stoker[dbus]'") from None
        self._call = new_method_call
        self._address = DBusAddress(_PATH, bus_name=_NAME, interface=_MANAGER)
        self._properties = Properties(self._address)
        try:
            self._bus: Any = open_dbus_connection(bus="SYSTEM", enable_fds=True)
        except (ValueError, KeyError) as error:  # an address or a handshake that is none
            raise OSError(f"the system bus: {error}") from None
        self._heard: list[Any] = []
        rules = (
            MatchRule(type="signal", interface=_MANAGER, member="PrepareForSleep", path=_PATH),
            MatchRule(
                type="signal",
                sender="org.freedesktop.DBus",
                interface="org.freedesktop.DBus",
                member="NameOwnerChanged",
            ),
        )
        rules[1].add_arg_condition(0, _NAME)
        for rule in rules:
            self._ask(message_bus.AddMatch(rule))

    @property
    def fd(self) -> int:
        """To be waited on."""
        number: int = self._bus.sock.fileno()
        return number

    def lock(self) -> int:
        """A delay lock: sleep waits while the descriptor is open. Raises OSError."""
        what = ("sleep", "stoker", "services are stopped first", "delay")
        (found,) = self._ask(self._call(self._address, "Inhibit", "ssss", what))
        number: int = found.to_raw_fd()
        return number

    def sleeping(self) -> bool:
        """Whether it is putting the machine to sleep just now. Raises OSError."""
        ((_, value),) = self._ask(self._properties.get("PreparingForSleep"))
        return bool(value)

    def _ask(self, message: Any) -> Any:
        """The answer's body. Signals that come meanwhile are kept. Raises OSError."""
        from jeepney import DBusErrorResponse, MessageType

        serial = next(self._bus.outgoing_serial)
        try:
            self._bus.send_message(message, serial=serial)
            while True:
                answer = self._bus.receive(timeout=_SLICE)
                if answer.header.message_type is MessageType.signal:
                    self._heard.append(answer)
                elif answer.header.fields.get(_REPLY_SERIAL) == serial:
                    break
        except (EOFError, TimeoutError) as error:
            raise OSError(f"the system bus does not answer: {error or 'closed'}") from None
        if answer.header.message_type is MessageType.error:
            raise OSError(f"logind: {DBusErrorResponse(answer)}")
        return answer.body

    def news(self) -> list[bool | None]:
        """What was said since the last time: True for about to sleep, False for awake, None for
        another logind. Raises OSError when the bus is gone.
        """
        from jeepney import HeaderFields

        while True:
            try:
                self._heard.append(self._bus.receive(timeout=0))
            except TimeoutError:
                break
            except EOFError:
                raise OSError("the system bus is gone") from None
        found: list[bool | None] = []
        for message in self._heard:
            member = message.header.fields.get(HeaderFields.member)
            if member == "PrepareForSleep":
                found.append(bool(message.body[0]))
            elif member == "NameOwnerChanged" and message.body[0] == _NAME and message.body[2]:
                found.append(None)
        self._heard.clear()
        return found

    @property
    def pending(self) -> bool:
        """Something was heard while an answer was waited for."""
        return bool(self._heard)

    def close(self) -> None:
        """Leave the bus."""
        self._bus.close()


_REPLY_SERIAL = 5  # jeepney.HeaderFields.reply_serial; equal to it as any IntEnum


class Sleep:
    """What logind says, and the lock."""

    def __init__(self, logind: Logind) -> None:
        self.logind = logind
        self.asleep = False
        self.lock = -1
        self.begin()

    def begin(self) -> None:
        """Ask a logind that is new to us how things are, with the lock first: nothing is missed."""
        self.release()
        try:
            self.lock = self.logind.lock()
        except OSError:  # refused while it is about to sleep: there is one after the wake
            if not self.logind.sleeping():
                raise
        self.asleep = self.logind.sleeping()

    def release(self) -> None:
        """The machine may sleep now."""
        if self.lock >= 0:
            os.close(self.lock)
            self.lock = -1

    def hear(self) -> None:
        """Take in what logind says."""
        for word in self.logind.news():
            if word is None:
                self.begin()
                continue
            self.asleep = word
            if not word and self.lock < 0:
                self.lock = self.logind.lock()

    @property
    def sight(self) -> Sight:
        """As the manager is told."""
        if self.asleep:
            return Sight(False, "logind is about to put the machine to sleep")
        return Sight(True, "logind says that the machine is awake")


class Stopped:
    """Waits, without being in the way, until everything has stopped."""

    def __init__(self, telling: Teller) -> None:
        self._telling = telling
        self._client: Client | None = None
        self._number = 0

    @property
    def fd(self) -> int:
        """To be waited on; -1 when nothing is awaited."""
        return self._client.fileno() if self._client is not None else -1

    def begin(self) -> bool:
        """Ask. True when there is nothing to wait for. Raises StokerError."""
        self.end()
        client = Client(self._telling.client.path)
        why = "logind is about to put the machine to sleep"
        operation = give(client, self._telling.name, self._telling.gives, False, why=why)
        if operation["outcome"]:
            client.close()
            return True
        self._client, self._number = client, int(operation["number"])
        self._ask()
        return False

    def _ask(self) -> None:
        assert self._client is not None
        self._client.ask_later(f"/v1/operations/{self._number}?wait={_SLICE}")

    def answer(self) -> bool:
        """Whether it is so now. Raises StokerError."""
        assert self._client is not None
        if self._client.answer()["operation"]["outcome"]:
            self.end()
            return True
        self._ask()
        return False

    def end(self) -> None:
        """Nobody waits any more."""
        if self._client is not None:
            self._client.close()
            self._client = None


def watch(sleep: Sleep, telling: Teller) -> None:
    """Hear, tell, wait; for ever. Raises OSError when bus or logind are gone."""
    stopped = Stopped(telling)
    while True:
        if sleep.logind.pending:
            sleep.hear()
        retry = telling.tell(sleep.sight)
        if not sleep.asleep:
            stopped.end()
        elif retry is None and sleep.lock >= 0 and stopped.fd < 0:
            try:
                if stopped.begin():
                    sleep.release()
            except StokerError:  # no manager just now: told again, and asked again
                telling.lost()
                retry = 0.2
        poll = select.poll()
        for fd in (sleep.logind.fd, telling.fd, stopped.fd):
            if fd >= 0:
                poll.register(fd, select.POLLIN | select.POLLRDHUP)
        for fd, _events in poll.poll(None if retry is None else int(retry * 1000)):
            if fd == sleep.logind.fd:
                sleep.hear()
            elif fd == telling.fd:
                telling.lost()
            elif fd == stopped.fd:
                try:
                    if stopped.answer() and sleep.asleep:
                        sleep.release()
                except StokerError:  # its manager ended: the next one is asked
                    stopped.end()
                    telling.lost()


def run() -> None:
    """Watch for ever."""
    telling = teller("active")
    watch(Sleep(Logind()), telling)
