"""Shows what runs, and asks for what people do to the files. See the package's docstring."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from stoker.linux import Timer
from stoker.manager import SHOWN
from stoker.model import Definition, Stage, signal_name, split

from .asking import Asking
from .elsewhere import Elsewhere
from .files import NOTHING, Files, Shown
from .notices import EVERYTHING, ITSELF, Notices
from .standins import StandIns
from .who import account, members_of

if TYPE_CHECKING:
    from stoker.manager import Manager

__all__ = ["RunDirectory"]

_TERM = 15
_HARD = (signal.SIGUSR1, signal.SIGKILL)  # of a stand-in: kill the service, do not ask it
_PAUSE = 100_000_000  # nanoseconds that `rm -r` may take from the first file to the directory
_AGAIN = 1_000_000_000  # between attempts on a file system that does not take our files
_RUNS = (Stage.START, Stage.UP, Stage.REFRESH)


class RunDirectory:
    """`held`: what the keeper holds for us under `HELD`; `put` has it hold more. `shown`: what a
    predecessor showed; `gone`: how processes ended of which the keeper told since.
    """

    HELD = "published/"

    def __init__(
        self,
        manager: Manager,
        held: Mapping[str, int],
        put: Callable[[Mapping[str, int]], object],
        shown: Mapping[str, Any],
        gone: Mapping[int, Any],
    ) -> None:
        self._manager = manager
        place = manager.place
        self._files = Files(place.published)
        keeper = int(manager.about()["keeper_pid"]) or os.getpid()
        self._keeper = keeper
        self._standins = StandIns(
            os.path.join(place.state, "runsyssv"), self.HELD, held, put, manager.await_end,
            self._died, keeper,
        )  # fmt: skip
        self.held = self._standins.held
        self._told = {name: Shown(*values) for name, values in shown.items()}
        self._notes: dict[str, Any] = {}
        self._elsewhere = Elsewhere(manager.loop)
        self._asking = Asking(manager)
        self._amiss: dict[str, None] = {}
        self._fmris: dict[str, str] = {}
        self._names: dict[str, tuple[str, str]] = {}  # FMRI to name and file
        self._pauses: dict[str, Timer] = {}
        self._trouble: Timer | None = None
        self._trouble_said = ""
        self._cursor = manager.cursor
        self._directory = -1
        self._notices: Notices | None = None
        self._over = False
        manager.doors.join(defined=self.defined, parting=self.close)
        self._open()
        self._take_over(gone)
        manager.subscribe(self._turned)

    # -- beginning

    def _open(self) -> None:
        """Have the directory, alone, and watch it."""
        self._let_go()
        try:
            self._files.make()
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
            self._directory = os.open(self._files.path, flags)
            fcntl.flock(self._directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self._notices is None:
                self._notices = Notices(self._manager.loop, self._files.path, self._changed)
            self._notices.begin()
            self._files.publish_pid(self._keeper)
        except BlockingIOError:
            self._let_go()
            self._failed("another manager shows its services there")
        except OSError as error:
            self._let_go()
            self._failed(error.strerror or str(error))

    def _let_go(self) -> None:
        if self._directory >= 0:
            os.close(self._directory)
            self._directory = -1

    def _take_over(self, gone: Mapping[int, Any]) -> None:
        """What people did to the files before, or while no manager was there."""
        for definition in self._manager.compiled.definitions:
            self._know(definition)
        shown = list(self._told.items())
        self._leftovers()
        for name, told in shown:
            fmri = self._fmris.get(name)
            if fmri is None:
                self._show(name, NOTHING)
                continue
            if told.syspid and not self._standins.adopt(name, told.syspid, self._names[fmri][1]):
                if self._is_elsewhere(name, told.syspid):
                    continue
                self._told[name] = told._replace(syspid=0)
                if told.syspid in gone:
                    self._died(name, gone[told.syspid])
            self._look(name)

    def _leftovers(self) -> None:
        """What is there and was not shown by us, once the directory is ours."""
        try:
            there = self._files.names() if self._directory >= 0 else []
        except OSError:  # said already
            there = []
        for name in there:
            self._watch(name)
            if name not in self._told:
                self._leftover(name)

    def _leftover(self, name: str) -> None:
        """Files of NAME that no manager of this place made: a lock counts, the rest is stale."""
        found = self._files.read(name)
        if found.lock is None and self._is_elsewhere(name, found.syspid):
            return
        if found.lock is None:
            self._attempt(lambda: self._files.remove(name))
            return
        self._told[name] = found
        if name in self._fmris:
            run = self._manager.executor.hearing.run_of(found.pid) if found.pid else None
            self._locked(name, found.lock, run is not None and run.fmri == self._fmris[name])

    def _is_elsewhere(self, name: str, syspid: int) -> bool:
        """Somebody else's `runsyssv` runs it: then we do not, until that has ended."""
        fmri = self._fmris.get(name)

        def ended() -> None:
            self._attempt(lambda: self._files.remove(name))
            self._tell(name, NOTHING)
            if fmri in self._names and not self._over:
                self._ask("start", fmri, f"runsyssv {syspid} has ended", "sysmgr")

        if fmri is None or not self._elsewhere.hold(name, syspid, ended):
            return False
        self._tell(name, self._files.read(name))
        self._ask("stop", fmri, f"runsyssv {syspid} runs it", "sysmgr")
        return True

    def _know(self, definition: Definition) -> str:
        """The name of an instance there; "" when it can have none."""
        name = os.path.basename(definition.source)
        if "." in name and name.rpartition(".")[2] in ("toml", "xml"):
            service, instance = split(definition.fmri)
            name = service if instance == "default" else f"{service}@{instance}"
        if not name or "/" in name or name.startswith(".") or name == "pid":
            return ""
        self._fmris[name] = definition.fmri
        self._names[definition.fmri] = (name, definition.source)
        return name

    def defined(self, new: Iterable[Definition]) -> None:
        """Definitions that were read for the first time, before anything is decided about them."""
        for definition in new:
            name = self._know(definition)
            if name and self._files.there(name):
                found = self._files.read(name)
                self._told[name] = found
                if found.lock is not None:
                    self._locked(name, found.lock, False)

    # -- showing

    def _turned(self) -> None:
        """After a turn: show what is different now."""
        self._asking.turned()
        concerned: dict[str, None] = {}
        while events := self._manager.events(self._cursor):
            self._cursor = events[-1].cursor
            for event in events:
                if event.kind == "gap":
                    concerned.update(dict.fromkeys(self._names))
                elif event.kind == "operation":
                    view = self._manager.engine.operation(int(event.data.get("number", 0)))
                    if view is not None:
                        concerned.update((member.fmri, None) for member in view.members)
                elif event.fmri:
                    concerned[event.fmri] = None
        for fmri in concerned:
            self._publish(fmri)
        self._mend()
        self._remember()

    def _publish(self, fmri: str) -> None:
        if fmri not in self._names or self._over:
            return
        name, file = self._names[fmri]
        if name in self._elsewhere or name in self._pauses:
            return
        i = self._manager.engine.instances.get(fmri)
        if i is None:
            self._standins.end(name, file)
            del self._names[fmri]
            self._fmris.pop(name, None)
            self._show(name, NOTHING)
            return
        told = self._told.get(name, NOTHING)
        pid, lock = self._wanted(i)
        syspid = self._standins.pid(name) if pid else 0
        if Shown(syspid, pid, lock) == told and bool(pid) == bool(syspid):
            return
        if pid:
            try:
                syspid = syspid or self._standins.start(name, file)
            except OSError as error:
                self._failed(f"no stand-in for {name}: {error.strerror}")
        else:
            self._standins.end(name, file)
        self._show(name, Shown(syspid, pid, lock))

    def _wanted(self, i: Any) -> tuple[int, int | None]:
        """Its pid and its lock, as they should be shown."""
        o = i.override
        lock = None
        if o is not None and o.value and o.once:
            lock = o.lock or 0
        elif not i.effective or i.fault is not None or i.static is not None:
            lock = _TERM if o is None or o.value or o.lock is None else o.lock
        pid = i.main if i.main_alive and i.stage in _RUNS else 0
        return pid, lock

    def _show(self, name: str, new: Shown) -> None:
        old = self._told.get(name, NOTHING)

        def write() -> None:
            if not self._files.write(name, new, old):
                return  # removed by somebody just now: a notice of that is coming
            if new != NOTHING:
                self._watch(name)
            self._tell(name, new)

        if self._directory >= 0:
            self._attempt(write)

    def _tell(self, name: str, new: Shown) -> None:
        """This is what the files of NAME say now, as far as we are concerned."""
        if new == NOTHING:
            self._told.pop(name, None)
        else:
            self._told[name] = new
        self._notes[SHOWN + name] = list(new) if new != NOTHING else None

    def _remember(self) -> None:
        if self._notes and not self._asking.pending:  # else what people did would be lost with us
            notes, self._notes = self._notes, {}
            self._manager.write(notes)

    def _attempt(self, act: Callable[[], object]) -> bool:
        try:
            act()
        except OSError as error:
            self._failed(error.strerror or str(error))
            return False
        return True

    def _failed(self, text: str) -> None:
        """The services go on; the view is tried again."""
        text = f"{self._files.path} does not show what runs: {text}; services go on"
        if self._trouble_said != text:
            self._trouble_said = text
            self._manager.log(text)
        self._manager.notices["published"] = text
        if self._trouble is None and not self._over:
            at = time.monotonic_ns() + _AGAIN
            self._trouble = self._manager.loop.at(at, self._retry)

    def _retry(self) -> None:
        self._trouble = None
        self._manager.notices.pop("published", None)
        if self._directory < 0 or not os.path.exists(f"{self._files.path}/pid"):
            self._open()
            self._leftovers()
            for name in list(self._told):
                self._look(name)  # what was shown may have gone with the directory
        if self._directory >= 0:
            for fmri in list(self._names):
                self._publish(fmri)
            self._remember()
        if "published" not in self._manager.notices:
            self._trouble_said = ""  # it is over: the next one is news

    # -- what people do

    def _watch(self, name: str) -> None:
        if self._notices is not None:
            self._notices.follow(name)

    def _changed(self, names: list[str]) -> None:
        if self._over:
            return
        if ITSELF in names:
            self._open()
        if ITSELF in names or EVERYTHING in names:
            names = [*self._fmris, "pid"]
        for name in names:
            self._look(name)
        if "pid" in names and self._directory >= 0:
            self._attempt(lambda: self._files.keep_pid(self._keeper))
        self._remember()

    def _look(self, name: str) -> None:
        """Compare the files of NAME with what was shown, and ask for what the difference means."""
        fmri = self._fmris.get(name)
        if fmri is None or self._over or self._directory < 0:
            return
        if name in self._elsewhere and self._files.there(name):
            return  # its own files
        told = self._told.get(name, NOTHING)
        found = self._files.read(name)
        if found == told or self._standins.is_dying(name):
            return  # what became of its stand-in says more, and is heard in a moment
        gone = not self._files.there(name)
        if not gone and found.lock is None and found != told and name not in self._pauses:
            # Whoever removes them one by one is not disturbed, and asked once.
            at = time.monotonic_ns() + _PAUSE
            self._pauses[name] = self._manager.loop.at(at, lambda: self._look_again(name))
            return
        if name in self._pauses:
            if not gone and found.lock is None:
                return
            self._pauses.pop(name).cancel()
        self._act(name, fmri, told, found, gone)

    def _look_again(self, name: str) -> None:
        del self._pauses[name]
        fmri = self._fmris.get(name)
        if fmri is None or self._over or self._standins.is_dying(name):
            return
        told, found = self._told.get(name, NOTHING), self._files.read(name)
        if found != told:
            self._act(name, fmri, told, found, not self._files.there(name))
        else:
            self._amiss[fmri] = None  # what came up meanwhile was not shown
            self._mend()
        self._remember()

    def _act(self, name: str, fmri: str, told: Shown, found: Shown, gone: bool) -> None:
        self._tell(name, found)
        if found.lock is not None and found.lock != told.lock:
            self._locked(name, found.lock, told.pid > 0)
        elif gone or (told.lock is not None and found.lock is None):
            if told == NOTHING:
                return
            what = "was removed" if gone else "was unlocked"
            self._ask(
                "start", fmri, f"{self._files.path}/{name} {what}", members_of(self._files.path)
            )
        else:
            self._amiss[fmri] = None  # a file that only we write
            self._mend()

    def _mend(self) -> None:
        """Show again what is not as it was shown; not before the engine knows whom it is about."""
        for fmri in [one for one in self._amiss if one in self._manager.engine.instances]:
            del self._amiss[fmri]
            self._publish(fmri)

    def _locked(self, name: str, lock: int, ran: bool) -> None:
        """There is a lock that we did not write: what runs goes on, and is not run again. `ran`: it
        was shown as running, which counts where the engine does not know it yet.
        """
        fmri = self._fmris[name]
        i = self._manager.engine.instances.get(fmri)
        if i is not None:
            ran = i.effective and i.main_alive and i.stage in _RUNS
            if i.override is not None and self._wanted(i)[1] == lock:
                return
        verb = "once" if ran else "kill" if lock == signal.SIGKILL else "stop"
        self._ask(verb, fmri, f"{self._files.path}/{name}/lock: {lock}", self._who(name), lock)

    def _who(self, name: str) -> str:
        """Who acted on NAME: whoever wrote its lock, else nobody says."""
        owner = self._files.owner(name)
        return members_of(self._files.path) if owner is None else account(owner)

    def _died(self, name: str, end: Any) -> None:
        """A stand-in was killed: that was meant for its service."""
        fmri = self._fmris.get(name)
        if fmri is None or self._over or self._manager.engine.shutdown is not None:
            return
        lock = self._files.read(name).lock
        if end.kind == "signal":
            self._ended(name, fmri, end.number, lock)
        else:
            self._amiss[fmri] = None  # it ended by itself, which it never does
        if lock is None:
            self._look(name)  # its files may have gone while it was dying
        self._mend()

    def _ended(self, name: str, fmri: str, number: int, lock: int | None) -> None:
        verb = "kill" if number in _HARD else "stop"
        why = f"{signal_name(number)} to its syspid"
        self._ask(verb, fmri, why, self._who(name), number if lock is None else lock)
        if lock is not None and name in self._told:
            self._told[name] = self._told[name]._replace(lock=lock)

    def _ask(self, verb: str, fmri: str, why: str, who: str, lock: int | None = None) -> None:
        self._asking.ask(verb, fmri, self._names[fmri][0], why, who, lock)

    # -- the end

    def close(self) -> None:
        """Everything is down: the directory goes, as far as it is ours."""
        self._over = True
        self._elsewhere.close()
        for fmri in list(self._names):
            self._standins.end(*self._names[fmri])
        if self._notices is not None:
            self._notices.close()
            self._notices = None
        if self._directory < 0:
            return
        try:
            left = self._files.end(self._manager.place.state)
        except OSError as error:
            self._manager.log(f"{self._files.path} stays: {error.strerror or error}")
        else:
            if left:
                self._manager.log(f"{self._files.path} stays: it has {', '.join(left)}")
        self._let_go()
