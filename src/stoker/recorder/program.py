"""The recorder as a program: ``recorder RUN``, started and kept by the keeper."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

from stoker.linux import Loop, Timer, channel, files, limits

from .book import Shelf
from .children import Children
from .drain import Drain
from .held import Held
from .ledger import Ledger
from .lines import time_text
from .link import Link, chunks, write_line
from .output import last_lines
from .ownlog import OwnLog
from .passing import PREFIX, Passing
from .pipes import PIPES, Pipe, Pipes
from .readers import Readers
from .settings import Settings

__all__ = ["Recorder", "main"]

RETRY_FIRST, RETRY_MOST = (
    1_000_000_000,
    10_000_000_000,
)  # ns between attempts at logs that cannot be written
SMALL = 16384  # bytes; a block worth its system calls
AT_ONCE = 2_000_000  # ns between two blocks of one pipe that count as one stream
LINGER = 0.0001  # seconds; measured: a fifth less work, and no less throughput
LAST_BLOCKS = (
    4096  # blocks read from one pipe at the end, so that a service that never stops cannot hold us
)


def say(text: str) -> None:
    """One line into stoker.log."""
    write_line(text, time_text(time.time_ns()))


class Recorder:
    """Composes the parts: keeper's channel, link to the manager, pipes, logs, ledger, readers."""

    def __init__(self, run: str, keeper: channel.Channel) -> None:
        self.run_folder = run
        self.channel: channel.Channel | None = keeper
        self.logs, self.state = self._place()
        self.generation = 0
        self.loop = Loop(self._error)
        self.children = Children(say)
        self.own = OwnLog(os.path.join(self.logs, "stoker.log"), self.children.compress)
        self.link: Link | None = None
        self.readers = Readers(self.loop, self.children, run, [self.logs, self.state], say)
        self._retry: Timer | None = None
        self._patience = RETRY_FIRST
        self._said_error = ""
        self._linger = False
        self._kinds: dict[str, tuple[Settings, dict[str, Any]]] = {}

    # -- beginning and end ----------------------------------------------------------------------

    def start(self) -> None:
        """Take over from a predecessor, finish its block, then begin."""
        keeper = self.channel
        assert keeper is not None
        for packet in keeper.wait(10.0):
            if packet.verb in ("HELLO", "TAKEN"):
                self.generation = channel.Hello.of(packet).generation
            packet.close()
        limits.raise_descriptors()  # a pipe for each instance, and open files
        self.held = Held(keeper)
        self.shelf = Shelf(self.logs, self.held.table, self.children.compress)
        self.pipes = Pipes(self.shelf.book)
        self.drain = Drain(
            self.held.journal,
            self.shelf,
            trouble=self._trouble,
            well=self._well,
            matched=self._matched,
            passing=Passing(self.loop, dict(keeper.list(PREFIX).items)),
        )
        life = self._read_mark()
        self.ledger = Ledger(
            self.loop,
            os.path.join(self.state, "repository.db"),
            os.path.join(self.state, "history.db"),
            life,
            send=self._send,
            said=say,
        )
        for fmri, settings in list(self.held.settings.items()):
            self._on_log(fmri, settings)
        keeper.want(PIPES)
        links = dict(keeper.list("link/recorder").items)
        pipes = self.pipes.take(keeper.list(PIPES).items)
        finished = self.drain.recover({pipe.name: pipe for pipe in pipes})
        if finished is not None:
            say(f"finished the block of {finished} at which my predecessor died")
        for pipe in pipes:
            self._watch(pipe)
        if "link/recorder" in links:
            self.link = Link(
                self.loop, links["link/recorder"], self._message, self._manager_gone, say
            )
        self._send("hello", self.generation)
        self.readers.listen()
        self.loop.watch(keeper.fileno(), select.EPOLLIN, self._keeper_said)
        self.loop.signals([signal.SIGTERM], lambda _: self._told_to_end())
        self.loop.signals([signal.SIGCHLD], lambda _: self.children.reap())
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)
        keeper.ready()

    def work(self) -> None:
        """Serve until told to end, then read what is left, write everything and close."""
        self.loop.run(self._after)
        for pipe in self.pipes.all():
            self.drain.read_all(pipe, LAST_BLOCKS)
        self.drain.passing.close()
        self.drain.retry()
        self.held.store()
        self.ledger.close()
        self.shelf.close_all()
        self.readers.close()

    def _told_to_end(self) -> None:
        if self.link is not None:
            self.link.hear()  # the last that a manager said may have come in this very turn
        self.loop.stop()

    def _after(self) -> None:
        self.ledger.commit()
        if self._linger:
            # Someone writes line by line, faster than we come back: let a block gather first.
            self._linger = False
            time.sleep(LINGER)
        self.held.store()
        if self.drain.sick and self._retry is None:
            self._retry = self.loop.at(time.monotonic_ns() + self._patience, self._try_again)
        self.own.look()

    def _try_again(self) -> None:
        self._retry = None
        sick = set(self.drain.sick)
        self.drain.retry()
        for fmri in sick - self.drain.sick:
            self._leave(fmri)
        self._patience = min(2 * self._patience, RETRY_MOST) if self.drain.sick else RETRY_FIRST

    def _error(self, error: Exception) -> None:
        text = f"{type(error).__name__}: {error}"
        if text != self._said_error:
            self._said_error = text
            say(f"an error that nobody expected; going on: {text}")

    def _place(self) -> tuple[str, str]:
        """Where logs and state are. Raises FileNotFoundError when nothing says so."""
        for data in self._papers("place.json"):
            try:
                place = json.loads(data)
                return place["logs"], place["state"]
            except (ValueError, LookupError, TypeError):  # damaged: what is held may be whole
                continue
        raise FileNotFoundError(f"there is no {self.run_folder}/place.json that can be read")

    def _read_mark(self) -> str:
        for data in self._papers("mark"):
            nonce = data.decode("ascii", "replace").strip()
            if re.fullmatch("[0-9a-f]{16}", nonce):
                self.drain.set_mark(nonce)
                return nonce
        return ""  # run numbers come by message alone

    def _papers(self, name: str) -> Iterator[bytes]:
        """What was written into the runtime directory; after that, for whom it says nothing, what
        the keeper holds of it: the manager sees to that.
        """
        data = files.read(os.path.join(self.run_folder, name))
        if data is not None:
            yield data
        if self.channel is None:
            return
        try:
            held = self.channel.list(f"file/{name}").items
        except EOFError:  # the keeper is lost, which is noticed elsewhere
            return
        for fd in held.values():
            try:
                data = files.contents(fd)
            except OSError:  # a disk that fails, say
                continue
            finally:
                os.close(fd)
            yield data

    # -- pipes ----------------------------------------------------------------------------------

    def _keeper_said(self, _events: int) -> None:
        assert self.channel is not None
        try:
            packets = self.channel.receive()
        except EOFError:
            # The services must not notice. A manager that becomes the keeper asks us for what we
            # hold.
            say("the keeper is gone; reading on")
            self.loop.forget(self.channel.fileno())
            self.channel.close()
            self.channel = None
            return
        for packet in packets:
            self._packet(packet)

    def _packet(self, packet: channel.Packet) -> None:
        if packet.verb == "ITEM" and len(packet.args) == len(packet.fds):
            for pipe in self.pipes.take(dict(zip(packet.args, packet.fds, strict=True))):
                self._watch(pipe)
        else:
            packet.close()

    def _watch(self, pipe: Pipe) -> None:
        self.loop.watch(pipe.fd, select.EPOLLIN, lambda _: self._ready(pipe))

    def _ready(self, pipe: Pipe) -> None:
        if self.link is not None and pipe.book.pattern is None:
            # The manager says what line it waits for before it starts what may write it.
            self.link.hear()
            if not self.pipes.has(pipe):
                return
        if pipe.book.settings.mode == "passthrough" and self.drain.passing.full(
            lambda: self._again(pipe)
        ):
            self.loop.forget(pipe.fd)
            return
        if self.held.changed:
            self.held.store()  # a successor must finish a block as we would have
        count = self.drain.read(pipe)
        if count == 0:
            self._ended(pipe)
            return
        now = time.monotonic_ns()
        if count < SMALL and now - pipe.read_at < AT_ONCE:
            self._linger = True
        pipe.read_at = now

    def _again(self, pipe: Pipe) -> None:
        if self.pipes.has(pipe):
            self._watch(pipe)

    def _ended(self, pipe: Pipe) -> None:
        """Nobody can write to it any more: the instance is gone, or writes elsewhere now."""
        self.loop.forget(pipe.fd)
        self.pipes.close(pipe)
        self._leave(pipe.book.fmri)
        self._maybe_over()

    def _leave(self, fmri: str) -> None:
        """Forget an instance of which nothing is left but its files."""
        known = fmri in self.held.settings or fmri in self.drain.sick
        if not known and not self.pipes.of(fmri):
            self.drain.leave(fmri)

    def _maybe_over(self) -> None:
        """With neither keeper nor manager nor a pipe, there is nothing left to do."""
        if self.channel is None and self.link is None and not self.pipes.all():
            self.loop.stop()

    # -- the manager ----------------------------------------------------------------------------

    def _send(self, *message: Any) -> None:
        if self.link is not None:
            self.link.send(*message)

    def _trouble(self, what: str, fmri: str, text: str) -> None:
        say(text)
        self._send("trouble", what, fmri, text)

    def _well(self, what: str, fmri: str) -> None:
        say(f"the log of {fmri} can be written again")
        self._send("well", what, fmri)

    def _matched(self, fmri: str, run: int, line: str) -> None:
        self._send("matched", fmri, run, line)

    def _manager_gone(self) -> None:
        self.link = None
        self._maybe_over()

    def _message(self, message: list[Any]) -> None:
        kind = message[0]
        handler = getattr(self, f"_on_{kind}", None) if isinstance(kind, str) else None
        if handler is None:
            raise ValueError(f"unknown kind {kind!r}")
        handler(*message[1:])

    def _on_hello(self, generation: Any) -> None:
        if not self.ledger.life:
            self.ledger.life = self._read_mark()
            if self.channel is not None:
                self._keeper_said(0)  # what came with the answer does not wake us
        for piece, more in chunks(self.ledger.intents()):
            self._send("intents", generation, piece, more)

    def _on_save(self, token: Any, fmri: str, intent: dict[str, Any] | None) -> None:
        self.ledger.save(token, fmri, intent)

    def _on_change(self, token: Any, path: str, who: str) -> None:
        self.ledger.change(token, path, who)

    def _on_log(self, fmri: str, settings: dict[str, Any] | None) -> None:
        if settings is None:
            for pipe in self.pipes.of(fmri):
                self.drain.read_all(pipe)
            self.held.set(fmri, None)
            self._leave(fmri)
            if self.pipes.of(fmri):
                self.shelf.set(fmri, Settings())  # as of anybody, if it comes back
            return
        chosen, said = self._kind(settings)
        self.shelf.set(fmri, chosen)
        self.held.set(fmri, said)

    def _kind(self, settings: dict[str, Any]) -> tuple[Settings, dict[str, Any]]:
        """One object for all instances with equal settings: there may be thousands of instances."""
        key = json.dumps(settings, sort_keys=True)
        if key not in self._kinds:
            chosen = Settings(settings)
            self._kinds[key] = (chosen, chosen.to_json())
        return self._kinds[key]

    def _on_renew(self) -> None:
        """Make room for a successor, which may be of another version: everything is in its place
        for it, and the keeper starts it at once.
        """
        self.loop.stop()

    def _on_bounds(self, rows: int, age: float) -> None:
        self.ledger.bound(int(rows), float(age))

    def _on_roles(self, grants: list[list[Any]]) -> None:
        self.readers.grant(grants)

    def _on_history(self, rows: list[list[Any]]) -> None:
        self.ledger.transitions(rows)

    def _on_operation(self, *row: Any) -> None:
        self.ledger.operation(list(row))

    def _on_run(
        self,
        fmri: str,
        run: int,
        event: str,
        at: int,
        pid: int | None = None,
        status: int | None = None,
    ) -> None:
        book = self.shelf.book(fmri)
        if not self.pipes.of(fmri) and self.channel is not None:
            self._keeper_said(0)  # a new instance's pipe may have come after this message
        for pipe in self.pipes.of(fmri):
            self.drain.read_all(pipe)
        if run > book.state.run:
            # The mark did not fit into the pipe: what comes from now on is this run's.
            self.drain.begin_run(book, run)
        tail = None
        if event == "end":
            # The next run's mark may have come already.
            tail = (book.ended[1] if book.ended[0] == run else last_lines(book, run)) or None
            book.ended = (0, "")
        self.ledger.run(fmri, run, event, at, pid, status, tail)

    def _on_note(self, fmri: str, text: str, after: bool = False) -> None:
        """A line of the manager's in the instance's log (SMF writes such: "Enabled.", "Executing
        ..."). `after`: it tells of an end, so what was written before stands before it.
        """
        for pipe in self.pipes.of(fmri) if after else ():
            self.drain.read_all(pipe)
        self.drain.remark(self.shelf.book(fmri), str(text))

    def _on_watch(self, fmri: str, run: int, pattern: str) -> None:
        """Tell the manager (``matched``) of the first line of this run that this regular
        expression finds.
        """
        try:
            compiled = re.compile(pattern.encode(), re.MULTILINE)
        except re.error as error:
            self._trouble(
                "pattern", fmri, f"{fmri}: the pattern {pattern!r} makes no sense: {error}"
            )
            return
        self.drain.watch(self.shelf.book(fmri), int(run), compiled)

    def _on_rotate(self, fmri: str | None = None) -> None:
        """Close the file in use of one instance, or of all."""
        for book in [self.shelf.book(fmri)] if fmri is not None else self.shelf.books():
            if book.encoder is not None:
                self.shelf.rotate(book, time.time_ns())

    def _on_handback(self) -> None:
        """A manager has become the keeper: give it all we hold, and make room for the recorder
        that it starts.
        """
        assert self.link is not None
        there = self.held.descriptors() | {pipe.name: pipe.fd for pipe in self.pipes.all()}
        there |= self.drain.passing.given
        names = list(there)
        for at in range(0, len(names), 200):
            some = names[at : at + 200]
            more = at + 200 < len(names)
            self.link.send_descriptors(["hand", some, more], [there[name] for name in some])
        for pipe in self.pipes.all():
            self.loop.forget(pipe.fd)
            self.pipes.close(pipe)
        self.loop.stop()


def main(argv: list[str] | None = None) -> int:
    """``recorder RUN``. Its exit status: 0 when it was told to end, 1 when it could not begin
    (said in stoker.log).
    """
    arguments = sys.argv[1:] if argv is None else argv
    os.umask(0o027)
    try:
        recorder = Recorder(arguments[0], channel.Channel.from_environment())
        recorder.start()
    except (IndexError, KeyError, LookupError, ValueError, OSError, EOFError) as error:
        say(f"cannot begin: {type(error).__name__}: {error}")
        return 1
    recorder.work()
    return 0
