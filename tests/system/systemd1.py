"""A stand-in for systemd on a private bus, as far as logind needs one to put a machine to sleep.

Run as ``python systemd1.py ADDRESS``. It says "ready" once it has its name and "asleep" when logind
has it start the target of sleeping; "wake" on standard input ends that.
"""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path

from jeepney import DBusAddress, HeaderFields, new_signal
from jeepney.low_level import Message
from jeepney.wrappers import new_method_return

sys.path.insert(0, str(Path(__file__).parents[1] / "scenario"))
from bus_peer import Peer

NAME, PATH = "org.freedesktop.systemd1", "/org/freedesktop/systemd1"
MANAGER, JOB = "org.freedesktop.systemd1.Manager", f"{PATH}/job/1"


class Systemd1(Peer):
    def __init__(self, address: str) -> None:
        super().__init__(address, NAME)
        self.unit = ""

    def wake(self) -> None:
        """The job of sleeping is done."""
        emitter = DBusAddress(PATH, interface=MANAGER)
        body = (1, JOB, self.unit, "done")
        self.bus.send_message(new_signal(emitter, "JobRemoved", "uoss", body))

    def asked(self, message: Message) -> None:
        member = message.header.fields.get(HeaderFields.member)
        if member == "Get":  # a unit's LoadState
            self.bus.send_message(new_method_return(message, "v", (("s", "loaded"),)))
        elif member == "StartUnit":
            self.unit = message.body[0]
            self.bus.send_message(new_method_return(message, "o", (JOB,)))
            print("asleep", flush=True)
        else:
            self.bus.send_message(new_method_return(message))

    def run(self) -> None:
        print("ready", flush=True)
        while True:
            ready, _, _ = select.select([0, self.bus.sock.fileno()], [], [])
            if 0 in ready:
                if not os.read(0, 100):
                    return
                self.wake()
            else:
                self.hear()


if __name__ == "__main__":
    Systemd1(sys.argv[1]).run()
