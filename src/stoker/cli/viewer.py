"""Following a place in the foreground: progress until settled, then states and output.

The viewer is a client like any other. Where `up` started the place, the viewer is a child of the
keeper (which is what `up` itself became): a Ctrl-C on the terminal reaches both, and the keeper
acts. The keeper sends TERM at the very end, to whatever is left below it: then we have seen all.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time

from stoker.errors import NoManager, StokerError

from .ending import Reporter
from .event_text import text_of
from .say import clean, coloured, note
from .settling import not_up, say_mistakes, summary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from stoker.client import Client, Records, Stream
    from stoker.model import Place

    from .call import Call

__all__ = ["Viewer"]

NOT_YET = 5
"""Exit status: not yet so when the time given was over."""


class _Over(Exception):
    """The keeper has told us that all is over."""


class Viewer:
    """Shows one place until it goes down, or (where it is not ours) until Ctrl-C.

    `owner`: the keeper is ours, and Ctrl-C is its affair. `keeper`: its pid. `until`: the moment
    (monotonic seconds) at which all must have settled; else what is ours goes down, and what is not
    is left alone, both with status 5.
    """

    def __init__(
        self,
        place: Place,
        client: Client,
        keeper: int,
        *,
        owner: bool,
        until: float | None = None,
    ) -> None:
        self.place, self.client, self.keeper, self.owner = place, client, keeper, owner
        self.until = until
        self.states: dict[str, tuple[str, str]] = {}
        self.cursor: int | None = None
        self.down_since = 0.0
        self.presses = 0
        self.status = 0
        self.progress = Progress()
        self._settle: Client | None = None
        self._operation = 0
        self._came_back = False
        self._bell = -1
        self._events: Stream | None = None
        self._records: Records | None = None
        self._reporter: Reporter | None = None

    def run(self, operation: int, mistakes: list[dict[str, Any]], cursor: int | None) -> int:
        """Follow until the end; `operation` is the settling to show the progress of."""
        self.cursor = cursor
        self._signals()
        failed = say_mistakes(mistakes)
        try:
            self._begin(operation)
            self._loop()
        except _Over:
            self._rest()
        except KeyboardInterrupt:
            self.progress.stop()
            note(f"\ndetached; it goes on. `stoker -C {self.place.name} down` takes it down")
        finally:
            self.progress.stop()
        return self.status or (1 if failed else 0)

    def _signals(self) -> None:
        if not self.owner:
            return

        def pressed(_number: int, _frame: object) -> None:
            self.presses += 1
            self.down_since = self.down_since or time.monotonic()

        def over(_number: int, _frame: object) -> None:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            raise _Over

        # A signal must end the wait for descriptors, which by itself goes on after a handler.
        self._bell, ring = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(ring, warn_on_full_buffer=False)
        signal.signal(signal.SIGINT, pressed)
        signal.signal(signal.SIGTERM, over)
        signal.signal(signal.SIGTSTP, signal.SIG_IGN)

    def _begin(self, operation: int) -> None:
        from stoker.client import connect, records

        for row in self.client.get("/v1/instances")["instances"]:
            self.states[row["fmri"]] = (row["state"], row["next_state"] or "")
        self._operation = operation
        self._settle = connect(self.place)
        self._settle.ask_later(f"/v1/operations/{operation}?wait=3600")
        try:
            question = {"do": "logs", "names": [], "follow": True, "since": _since(self.owner)}
            self._records = records(self.place, question)
        except (StokerError, OSError) as error:
            note(f"output cannot be followed: {error}")
        self._follow()

    def _follow(self) -> None:
        query = "?follow=1" + (f"&cursor={self.cursor}" if self.cursor is not None else "")
        self._events = self.client.stream("/v1/events" + query)

    # -- the loop

    def _loop(self) -> None:
        shown = 0
        while True:
            if self.presses > shown:
                shown = self.presses
                self._say_pressed(shown)
            self._take_events()
            self._show_progress()
            wait: list[Any] = [self._events, self._records, self._settle]
            wait = [one for one in wait if one is not None]
            wait += [self._bell] if self._bell >= 0 else []
            ready, _, _ = select.select(wait, [], [], self._patience())
            if self._bell in ready:
                os.read(self._bell, 4096)
            if self._records is not None and self._records in ready:
                self._take_records()
            if self._settle is not None and self._settle in ready:
                self._settled()
            if self._settle is not None and self._late():
                self._time_over()
            if self.down_since and time.monotonic() - self.down_since > 1:
                self._tell_down()

    def _patience(self) -> float | None:
        if self._settle is None and not self.down_since:
            return None
        if self._settle is None or self.until is None:
            return 1.0
        return min(1.0, max(0.0, self.until - time.monotonic()))

    def _late(self) -> bool:
        return self.until is not None and time.monotonic() >= self.until and not self.down_since

    def _time_over(self) -> None:
        """It has not settled within the time given."""
        from stoker.client import connect

        assert self._settle is not None
        self._settle.close()  # its question is still open
        self._settle = None
        self.progress.stop()
        self.status = NOT_YET
        with connect(self.place) as client:
            open_still = {"members": [], "outcome": "", "note": ""}
            for line in not_up(self._call(client), open_still):
                self.say(line)
            if not self.owner:
                raise KeyboardInterrupt
            self.say("not settled within the time given: all is stopped, in order")
            why = "not settled within the time given to up"
            client.post("/v1/operations", {"verb": "down", "status": NOT_YET, "why": why})

    def _call(self, client: Client) -> Call:
        from .call import Call
        from .table import VERBS

        call = Call(VERBS[0], {}, {})
        call.use(client)
        return call

    def _take_events(self) -> None:
        assert self._events is not None
        while True:
            events = self._events.read(block=False)
            for event in events:
                self.cursor = event["cursor"]
                self._event(event)
            if self._events.ended:
                self._lost()
                return
            if not events:
                return

    def _event(self, event: dict[str, Any]) -> None:
        data = event.get("data") or {}
        if event["kind"] == "transition":
            before = self.states.get(event["fmri"])
            now = (str(data.get("to") or ""), str(data.get("next") or ""))
            self.states[event["fmri"]] = now
            if now == before or now[1] or data.get("from") == "uninitialized":
                return  # where it arrives is worth a line; where it is going, the progress says
            if now[0] == "online":
                event = {**event, "data": {"from": data.get("from"), "to": "online"}}
        elif event["kind"] == "operation":
            if data.get("verb") == "down" and not self.down_since:
                self.down_since = time.monotonic()
            if data.get("number") == self._operation or event["fmri"]:
                return
        elif event["kind"] == "gap" and self._came_back:
            return  # said already, by what is different
        self.say(text_of(event, coloured(sys.stdout)))

    def _take_records(self) -> None:
        from .loglines import head_of

        assert self._records is not None
        for record in self._records.read():
            if "text" in record:
                self.say(head_of(record) + clean(record["text"]))
        if self._records.ended:
            self._records.close()
            self._records = None

    def _settled(self) -> None:
        assert self._settle is not None
        settle, self._settle = self._settle, None
        try:
            operation = settle.answer()["operation"]
        except NoManager:  # it is being replaced, or all is over: events say which
            self._ask_again(settle)
            return
        except StokerError:  # a new manager that knows nothing of it
            return
        if not operation["outcome"]:
            settle.ask_later(f"/v1/operations/{self._operation}?wait=3600")
            self._settle = settle
            return
        self._take_events()
        self.progress.stop()
        if self.down_since:
            return
        rows = settle.get("/v1/instances")["instances"]
        self.say(summary(rows))
        if operation["outcome"] != "done":
            self.status = 1
            for line in not_up(self._call(settle), operation):
                self.say(line)
        settle.close()
        self.say("following; Ctrl-C " + ("stops all, in order" if self.owner else "detaches"))

    def _ask_again(self, settle: Client) -> None:
        """Go on waiting for the same operation, at the next manager."""
        if not self._keeper_lives() or self.down_since:
            return
        try:
            settle.ask_later(f"/v1/operations/{self._operation}?wait=3600")
            self._settle = settle
        except NoManager:
            pass  # there is none any more

    def _lost(self) -> None:
        """The stream ended: the manager was replaced, or all is over."""
        began = time.monotonic()
        while True:
            if not self._keeper_lives():
                self._rest()
                raise _Over
            try:
                self.client.close()
                self._follow()
                break
            except NoManager:
                time.sleep(0.02)
        self.say(f"the manager came back after {time.monotonic() - began:.2f} s")
        self._compare()

    def _compare(self) -> None:
        """Events of an earlier manager are gone: what is different now is said all the same."""
        from stoker.client import Client
        from stoker.model import display

        self._came_back = True
        with Client(self.place.socket, self.place) as client:
            rows = client.get("/v1/instances")["instances"]
        for row in rows:
            before = self.states.get(row["fmri"], ("",))[0]
            self.states[row["fmri"]] = (row["state"], row["next_state"] or "")
            if before != row["state"]:
                why = f": {row['cause']}" if row["cause"] else ""
                self.say(clean(f"{display(row['fmri'])}: {before} → {row['state']}{why}"))

    def _keeper_lives(self) -> bool:
        if self.owner:
            return os.getppid() == self.keeper
        try:
            with open(f"/proc/{self.keeper}/stat", "rb") as file:
                return file.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
        except OSError:
            return False

    # -- saying

    def say(self, text: str) -> None:
        """A line, above the progress."""
        self.progress.above(text)

    def _say_pressed(self, count: int) -> None:
        self.say(
            "\nstopping all, in order; Ctrl-C again kills what is left"
            if count == 1
            else "\nkilling what is left"
        )

    def _tell_down(self) -> None:
        from stoker.client import Client

        if self._reporter is None:
            self._reporter = Reporter(Client(self.place.socket, self.place), self.say)
        self._reporter.tell(time.monotonic() - self.down_since)

    def _show_progress(self) -> None:
        if self._settle is None or self.down_since:
            self.progress.stop()
            return
        from stoker.model import display

        states = self.states.values()
        up = sum(1 for state, following in states if state in ("online", "degraded"))
        moving = [display(fmri) for fmri, (_state, following) in self.states.items() if following]
        text = f"{up} of {len(self.states)} up"
        if moving:
            more = f" and {len(moving) - 3} more" if len(moving) > 3 else ""
            text += f"; starting: {', '.join(moving[:3])}{more}"
        self.progress.show(clean(text))

    def _rest(self) -> None:
        """What is left to be read, and the last word."""
        self.progress.stop()
        if self._records is not None:
            end = time.monotonic() + 1.0
            while self._records is not None and time.monotonic() < end:
                ready, _, _ = select.select([self._records], [], [], 0.05)
                if not ready:
                    break
                self._take_records()
        self.say("all is down")


class Progress:
    """One live line below the others, on a terminal; elsewhere nothing."""

    def __init__(self) -> None:
        self._live: Any = None
        self._console: Any = None
        self._looks = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"

    def show(self, text: str) -> None:
        """What the live line says."""
        if not self._looks:
            return
        if self._live is None:
            from rich.console import Console  # only when a person looks

            self._console = Console(highlight=False, markup=False, soft_wrap=True)
            self._live = self._console.status(text)
            self._live.start()
        self._live.update(text)

    def above(self, text: str) -> None:
        """A line that stays."""
        if self._live is not None:
            from rich.text import Text

            self._console.print(Text.from_ansi(text), soft_wrap=True)
        else:
            out = sys.stdout.buffer
            out.write(text.encode("utf-8", "surrogateescape") + b"\n")
            out.flush()

    def stop(self) -> None:
        """The live line goes."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def _since(owner: bool) -> int:
    """Output from when we began; of a place that was up, from now on."""
    return time.time_ns() - (5_000_000_000 if owner else 0)
