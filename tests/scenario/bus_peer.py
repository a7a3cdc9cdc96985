"""A program that has a name on a private bus, and answers who calls it by that."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from jeepney import MessageType, message_bus
from jeepney.io.blocking import open_dbus_connection
from jeepney.low_level import Message

__all__ = ["Peer"]


class Peer(ABC):
    """`address`: of the bus; `name`: what it is called there; `enable_fds`: answers may bring
    descriptors.
    """

    def __init__(self, address: str, name: str, *, enable_fds: bool = False) -> None:
        self.bus: Any = open_dbus_connection(bus=address, enable_fds=enable_fds)
        self.bus.send_and_get_reply(message_bus.RequestName(name))

    @abstractmethod
    def asked(self, message: Message) -> None:
        """A method was called."""

    def hear(self) -> None:
        """Deal with all that has come."""
        while True:
            try:
                message = self.bus.receive(timeout=0)
            except TimeoutError:
                return
            if message.header.message_type is MessageType.method_call:
                self.asked(message)
