"""A stand-in for logind on a private bus: it takes delay locks, and sleeps and wakes when told to.

Run as ``python login1.py ADDRESS``. Commands on standard input: "sleep", "wake". It says "ready"
once it has its name, "lock" for each lock taken, "unlock" for each given up.
"""

from __future__ import annotations

import os
import select
import sys

from bus_peer import Peer
from jeepney import DBusAddress, HeaderFields, new_signal
from jeepney.low_level import Message
from jeepney.wrappers import new_error, new_method_return

NAME, PATH = "org.freedesktop.login1", "/org/freedesktop/login1"
MANAGER = "org.freedesktop.login1.Manager"


def say(text: str) -> None:
    print(text, flush=True)


class Login1(Peer):
    def __init__(self, address: str) -> None:
        super().__init__(address, NAME, enable_fds=True)
        self.sleeping = False
        self.locks: list[int] = []

    def announce(self, sleeping: bool) -> None:
        self.sleeping = sleeping
        emitter = DBusAddress(PATH, interface=MANAGER)
        self.bus.send_message(new_signal(emitter, "PrepareForSleep", "b", (sleeping,)))

    def asked(self, message: Message) -> None:
        member = message.header.fields.get(HeaderFields.member)
        if member == "Inhibit" and self.sleeping:
            name = "org.freedesktop.login1.OperationInProgress"
            self.bus.send_message(new_error(message, name, "s", ("already going to sleep",)))
        elif member == "Inhibit":
            reader, writer = os.pipe2(os.O_CLOEXEC)
            self.bus.send_message(new_method_return(message, "h", (writer,)))
            os.close(writer)
            self.locks.append(reader)
            say("lock")
        elif member == "Get":
            self.bus.send_message(new_method_return(message, "v", (("b", self.sleeping),)))

    def run(self) -> None:
        say("ready")
        while True:
            fds = [0, self.bus.sock.fileno(), *self.locks]
            ready, _, _ = select.select(fds, [], [])
            for fd in ready:
                if fd == 0:
                    word = os.read(0, 100).decode().strip()
                    if not word:
                        return
                    self.announce(word == "sleep")
                elif fd in self.locks:
                    self.locks.remove(fd)
                    os.close(fd)
                    say("unlock")
                else:
                    self.hear()


if __name__ == "__main__":
    Login1(sys.argv[1]).run()
