"""A restarter: runs the commands of the services that are left to it.

Started by the manager as a service. It registers on the control socket, is told what is asked of
its instances, and says how they are. A manager that is replaced is registered with anew, and told
what it may have missed; the children go on meanwhile.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
from typing import Any

from stoker.client import Client, Stream, quote
from stoker.errors import NoManager, StokerError

ME = os.environ["STOKER_FMRI"]
MANAGER = os.environ["STOKER_SOCKET"]
PATH = f"/v1/restarters/{quote(ME)}"
PAUSE = 0.2  # seconds between tries to reach a manager


class Restarter:
    """`children`: by instance, with the run that each is. `ended`: what was said of who ended last.
    `ending`: whose end was asked for.
    """

    def __init__(self) -> None:
        self.client = Client(MANAGER)
        self.children: dict[str, tuple[subprocess.Popen[bytes], int]] = {}
        self.ended: dict[str, dict[str, Any]] = {}
        self.ending: set[str] = set()
        self.waiting: dict[str, dict[str, Any]] = {}
        self.mine: set[str] = set()

    def say(self, fmri: str, run: int, state: str, reason: str = "", text: str = "") -> None:
        """How an instance is. What nobody hears is said again when we have registered again."""
        body = {"instance": fmri, "run": run, "state": state, "reason": reason, "text": text}
        if state not in ("online", "degraded"):
            self.ended[fmri] = body
        try:
            self.client.post(f"{PATH}/states", body)
        except NoManager:
            self.client.close()
        except StokerError as error:  # that run is over: what holds now is told by an event
            print(f"{fmri}: {error}", flush=True)

    # -- what is asked

    def hear(self, event: dict[str, Any]) -> None:
        """One line of the stream."""
        act = getattr(self, f"do_{event['event']}", None)
        if act is not None:
            act(event)

    def do_add_instance(self, event: dict[str, Any]) -> None:
        self.mine.add(event["fmri"])

    def do_remove_instance(self, event: dict[str, Any]) -> None:
        self.mine.discard(event["fmri"])
        self.do_stop(event)

    def do_start(self, event: dict[str, Any]) -> None:
        fmri, run = event["fmri"], event["run"]
        self.mine.add(fmri)
        if fmri in self.children:
            if self.children[fmri][1] == run:
                self.say(fmri, run, "online")
            else:  # of an earlier run: it has to go first
                self.waiting[fmri] = event
                self.kill(fmri, signal.SIGKILL)
        elif self.ended.get(fmri, {}).get("run") == run:
            body = self.ended[fmri]
            self.say(fmri, run, body["state"], body["reason"], body["text"])
        else:
            self.begin(fmri, run, event.get("argv", []))

    def begin(self, fmri: str, run: int, argv: list[str]) -> None:
        """Start its command."""
        try:
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, start_new_session=True)
        except (OSError, IndexError) as error:
            self.say(fmri, run, "maintenance", "method_failed", f"cannot be started: {error}")
            return
        self.children[fmri] = (child, run)
        self.say(fmri, run, "online")

    def do_stop(self, event: dict[str, Any]) -> None:
        fmri = event["fmri"]
        if fmri in self.children:
            self.ending.add(fmri)
            self.kill(fmri, signal.SIGKILL if event.get("force") else signal.SIGTERM)
        else:
            self.say(fmri, event["run"], "offline")

    def do_signal(self, event: dict[str, Any]) -> None:
        if event["fmri"] in self.children:
            self.kill(event["fmri"], event["signal"])

    def do_refresh(self, event: dict[str, Any]) -> None:
        self.do_signal({**event, "signal": signal.SIGHUP})

    def do_synced(self, _event: dict[str, Any]) -> None:
        """All that is ours was named: what runs and was not is nobody's any more."""
        for fmri in set(self.children) - self.mine:
            self.kill(fmri, signal.SIGKILL)
        notify = os.environ.get("NOTIFY_SOCKET", "")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"READY=1", notify.replace("@", "\0", 1) if notify[0] == "@" else notify)

    def do_replaced(self, _event: dict[str, Any]) -> None:
        sys.exit("another process has registered as this restarter")

    # -- children

    def kill(self, fmri: str, number: int) -> None:
        os.killpg(self.children[fmri][0].pid, number)

    def reap(self) -> None:
        """Say who has ended, and start who waited for that."""
        for fmri, (child, run) in list(self.children.items()):
            status = child.poll()
            if status is None:
                continue
            del self.children[fmri]
            if fmri in self.ending:
                self.ending.discard(fmri)
                self.say(fmri, run, "offline")
            elif status < 0:
                self.say(fmri, run, "offline", "ct_ev_signal", f"was killed by signal {-status}")
            else:
                self.say(fmri, run, "offline", "ct_ev_exit", f"ended with exit status {status}")
            if fmri in self.waiting:
                self.do_start(self.waiting.pop(fmri))

    # -- the loop

    def run(self) -> None:
        """Until we are told to end."""
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writer)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        stream: Stream | None = None
        while True:
            if stream is None:
                stream = self.register()
            watched = [reader] if stream is None else [reader, stream.fileno()]
            ready, _, _ = select.select(watched, [], [], PAUSE if stream is None else None)
            if reader in ready:
                os.read(reader, 4096)
            self.reap()
            for event in stream.read(block=False) if stream is not None else ():
                self.hear(event)
            if stream is not None and stream.ended:
                stream.close()
                stream = None

    def register(self) -> Stream | None:
        """The stream of what is asked of us; None while there is no manager."""
        self.mine.clear()
        try:
            stream = Client(MANAGER).stream(PATH)
            for event in stream.read(block=False):
                self.hear(event)
        except StokerError as error:
            print(error, flush=True)
            return None
        return stream


if __name__ == "__main__":
    Restarter().run()
