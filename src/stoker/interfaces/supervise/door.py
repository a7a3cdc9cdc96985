"""Serves the supervise directories. See the package's docstring."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from stoker.errors import Refused
from stoker.linux import limits
from stoker.linux import loop as epoll
from stoker.model import Definition, Request, Stage, display

from .folder import Folder
from .letters import SIGNALS, WORDS
from .status import pack, unpack
from .watch import Watch

if TYPE_CHECKING:
    from stoker.manager import Manager

__all__ = ["SuperviseDirectories"]

_WHO = "supervise"
_LAST = {ord("O"): "O", ord("_"): "d"}  # what is shown of a wish that it shall not run again
_ENDING = (Stage.STOP, Stage.KILL, Stage.CLEANUP)
_EACH = 3  # descriptors for a directory
_OURS = 64  # descriptors of the manager itself


class _Served:
    """One instance with its directory."""

    def __init__(self, fmri: str, path: str, form: str) -> None:
        self.fmri = fmri
        self.form = form
        self.folder = Folder(path)
        self.watch = Watch(None)
        self.unload = False  # when it has stopped


class SuperviseDirectories:
    """Of `manager`'s instances, as far as their definitions have one."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._served: dict[str, _Served] = {}
        self._found: dict[tuple[int, int], str] = {}  # directories, by device and inode
        self.unloaded: Callable[[str], object] = lambda _path: None
        self.waiting: Callable[[], bool] = lambda: False
        self._held: list[tuple[_Served, bytes]] = []
        self._amiss: dict[str, tuple[str, str]] = {}  # FMRI to path and why
        manager.doors.join(defined=self._define, touched=self._touched, parting=self.close)
        for one in manager.compiled.definitions:
            self._know(one)

    def of(self, path: str) -> str:
        """The FMRI of the instance that a supervise directory belongs to, by whatever path; "" when
        it is of none.
        """
        try:
            found = os.stat(path)
        except OSError:  # it is gone
            return ""
        identity = (found.st_dev, found.st_ino)
        fmri = self._found.get(identity, "")
        if fmri and not self._served[fmri].folder.is_there():
            del self._found[identity]  # that one was removed, and its number is another's now
            return ""
        return fmri

    def look_again(self) -> None:
        """Directories that were removed and made anew are served again."""
        for one in self._served.values():
            if one.folder.locked and not one.folder.is_there() and os.path.isdir(one.folder.path):
                self._let_go(one)
                self._load(one)

    def load(self, fmri: str) -> None:
        """Serve its directory, if that is not so."""
        one = self._served[fmri]
        one.unload = False
        if not one.folder.locked:
            self._load(one)

    def unload(self, fmri: str) -> None:
        """Serve its directory until it has stopped, and then no more."""
        i = self._manager.engine.instances.get(fmri)
        one = self._served[fmri]
        one.unload = True
        if i is not None:
            self._show(one, i.stage is Stage.IDLE)

    def resume(self) -> None:
        """What commands had to wait for is so."""
        held, self._held = self._held, []
        for one, letters in held:
            self._obey(one, letters)

    def _define(self, new: list[Definition]) -> None:
        """Definitions that were read for the first time, before anything is decided about them."""
        for definition in new:
            self._know(definition)

    def _know(self, definition: Definition) -> None:
        wanted, known = definition.supervise, self._served.get(definition.fmri)
        if known is not None:
            if wanted is not None and known.folder.path == wanted.path:
                known.form = wanted.form
                return
            self._forget(definition.fmri)
        if wanted is not None:
            one = _Served(definition.fmri, wanted.path, wanted.form)
            self._served[definition.fmri] = one
            self._load(one, first=True)

    def _load(self, one: _Served, *, first: bool = False) -> None:
        """Have its directory, and show it. Somebody else's service is not started by us."""
        folder = one.folder
        if not folder.locked and not self._affordable():
            self._failed(one, "too few descriptors; raise the hard limit")
            return
        try:
            folder.lock()
            self._found[folder.identity] = one.fmri
            one.watch = Watch(unpack(folder.read_status()))
            folder.write_status(pack(one.form, one.watch.seen))
            folder.open()  # last: who is seen to serve has all that belongs to it
            one.unload = False
            self._manager.loop.watch(folder.control, epoll.READ, lambda _: self._read(one))
            self._failed(one, "")
        except BlockingIOError:
            folder.close()
            self._failed(one, "another program supervises it")
            if first:
                self._ask("stop", one, f"another program has locked {folder.path}")
        except OSError as error:
            self._let_go(one)
            self._failed(one, error.strerror or str(error))

    def _affordable(self) -> bool:
        """Whether there are descriptors left for a directory: services need theirs first."""
        soft = limits.get("nofile")
        if soft is None or soft[0] == -1:
            return True
        manager = self._manager
        needed = 4 * len(manager.compiled.definitions) + manager.settings.reserve + _OURS
        return needed + _EACH * (len(self._found) + 1) <= soft[0]

    def _failed(self, one: _Served, why: str) -> None:
        """Its directory is not served, "": it is. The service goes on."""
        new = why and why not in (known for _path, known in self._amiss.values())
        if why:
            self._amiss[one.fmri] = (one.folder.path, why)
        elif self._amiss.pop(one.fmri, None) is None:
            return
        if new:
            self._manager.log(f"{one.folder.path} is not served: {why}")
        self._manager.notices.pop("supervise", None)
        for path, reason in self._amiss.values():
            others = len(self._amiss) - 1
            more = f" (and {others} more)" if others else ""
            self._manager.notices["supervise"] = f"{path} is not served: {reason}{more}"
            break

    # -- showing

    def _touched(self, fmris: Iterable[str]) -> None:
        """After a round in which something about these changed."""
        instances = self._manager.engine.instances
        for fmri in fmris:
            i, one = instances.get(fmri), self._served.get(fmri)
            if i is None:
                if one is not None:
                    self._forget(fmri)
                continue
            if one is None or one.folder.path != getattr(i.definition.supervise, "path", ""):
                self._know(i.definition)
                one = self._served.get(fmri)
            if one is not None:
                self._show(one, i.stage is Stage.IDLE)

    def _show(self, one: _Served, idle: bool) -> None:
        if not one.folder.locked and not idle and one.fmri not in self._amiss:
            self._load(one)  # it was unloaded, and somebody has started it
        if not one.folder.locked:
            return
        i = self._manager.engine.instances[one.fmri]
        if one.watch.look(i):
            try:
                one.folder.write_status(pack(one.form, one.watch.seen))
            except OSError as error:
                self._failed(one, error.strerror or str(error))
        if one.unload and idle and not i.effective:
            self._let_go(one)
            self.unloaded(one.folder.path)

    # -- what people write

    def _read(self, one: _Served) -> None:
        letters = one.folder.commands()
        if self.waiting():
            self._held.append((one, letters))
        else:
            self._obey(one, letters)

    def _obey(self, one: _Served, letters: bytes) -> None:
        for byte in letters:
            if byte in WORDS:
                one.watch.last = _LAST.get(byte, "o")
                self._word(one, WORDS[byte])
            elif byte in SIGNALS:
                self._signal(one, *SIGNALS[byte])

    def _word(self, one: _Served, word: str) -> None:
        i = self._manager.engine.instances.get(one.fmri)
        if i is None:
            return
        if word == "unload":
            self.unload(one.fmri)
        elif word == "once" and i.stage in _ENDING:
            return  # that it runs once has come too late
        elif word != "last":
            self._ask(word, one, "")
        elif i.stage is not Stage.IDLE and i.effective:
            self._ask("once", one, "")

    def _signal(self, one: _Served, number: int, scope: str) -> None:
        """Signals are for processes, and no decision about the service."""
        i = self._manager.engine.instances.get(one.fmri)
        if i is None or i.stage is Stage.IDLE:
            return
        if not i.main_alive and scope == "main":
            scope = "method"
        self._manager.executor.signal(one.fmri, i.run, scope, number)
        if number in (signal.SIGSTOP, signal.SIGTSTP, signal.SIGCONT):
            one.watch.paused = number != signal.SIGCONT
            self._show(one, False)

    def _ask(self, verb: str, one: _Served, why: str) -> None:
        """For this one alone: relations are for jobs, and those who have them write to each."""
        why = why or f"written to {one.folder.path}/control"
        request = Request(verb=verb, names=(one.fmri,), who=_WHO, why=why, alone=True)
        try:
            number = self._manager.ask(request)
        except Refused:  # everything is going down anyway
            return
        self._manager.log(f"{verb} {display(one.fmri)}: operation {number} ({why})")

    # -- the end

    def _let_go(self, one: _Served) -> None:
        if one.folder.control >= 0:
            self._manager.loop.forget(one.folder.control)
        one.folder.close()

    def _forget(self, fmri: str) -> None:
        one = self._served.pop(fmri)
        self._found.pop(one.folder.identity, None)
        self._failed(one, "")
        self._let_go(one)

    def close(self) -> None:
        """Everything is down."""
        for one in self._served.values():
            i = self._manager.engine.instances.get(one.fmri)
            if i is not None:
                one.unload = False
                self._show(one, True)
            self._let_go(one)
        self._served.clear()
