"""service-dt-scanner (svscan): loads and starts what appears in a directory (nosh.md 7).

A plain client of the RPC: it starts no process, keeps no state, and may come and go. What is loaded
already is left alone, so nothing is started twice; what disappears goes on, unless it is asked to
unload it. When the directory itself is not there any more, nothing in it has disappeared: that is
said, and its return waited for.
"""

from __future__ import annotations

import errno
import os
import resource
import select
import signal
import sys

from stoker.client import place_of
from stoker.errors import Failed, NoManager, StokerError, UsageError
from stoker.linux import inotify

from .bundles import Bundle, asked_for_help, complain, options
from .coming import Coming
from .jobs import connect_to, load, plumb
from .leaving import Leaving
from .supervised import is_supervised

__all__ = ["main", "svscan"]

PROGRAM = "service-dt-scanner"
_OFTEN = 0.2  # seconds between looks at what is to end
_ENTRIES = inotify.CREATE | inotify.DELETE | inotify.MOVED_TO | inotify.MOVED_FROM | inotify.ATTRIB
_GONE = inotify.MOVE_SELF | inotify.IGNORED  # moved; removed, or its file system is
_ABOVE = inotify.CREATE | inotify.MOVED_TO | inotify.ATTRIB | inotify.MOVE_SELF | inotify.ONLYDIR


def main(arguments: list[str]) -> int:
    """The command. Runs until it is ended."""
    return _run(PROGRAM, arguments)


def svscan(arguments: list[str]) -> int:
    """The same by its old name."""
    return _run("svscan", arguments)


def _run(program: str, arguments: list[str]) -> int:
    if asked_for_help(program, arguments, "[--user] [--input-activation] [--unload] DIRECTORY"):
        return 0
    words = list(arguments)
    try:
        given = options(words, {f"--{one}": one for one in ("input-activation", "unload", "user")})
        if len(words) != 1:
            raise UsageError("one directory is needed")
        place = place_of(kind="user" if "user" in given else "")
        leaving = Leaving(PROGRAM) if "unload" in given else None
        scanner = Scanner(words[0], f"{place.runtime}/rpc", "input-activation" in given, leaving)
        connect_to(scanner.rpc).close()
        scanner.watch()
    except (StokerError, OSError) as error:
        complain(program, error)
        return 1
    return 0


class Scanner:
    """`path`: the directory; `rpc`: the service manager's socket; `by_input`: log services are
    started by their first input; `leaving`: looks after what leaves, if that is asked for.
    """

    def __init__(self, path: str, rpc: str, by_input: bool, leaving: Leaving | None = None) -> None:
        self.path = path
        self.rpc = rpc
        self._by_input = by_input
        self._leaving = leaving
        self._coming = Coming(PROGRAM, rpc)
        self._again = False  # something was passed over that was on its way

    def watch(self) -> None:
        """Look now, and after each change. Raises OSError, Failed when the directory cannot be
        watched.
        """
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        if self._leaving is not None:  # it holds a descriptor for each
            most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        notices = inotify.Inotify()
        watch = self._follow(notices)
        if watch is None:
            raise Failed(f"{self.path}: cannot be watched")
        while True:
            there = self.scan()
            if there:
                self._wait(notices.fd)
                changes = [one.mask for one in notices.read() if one.watch == watch]
                there = not any(mask & _GONE for mask in changes)
            if not there:
                notices.remove(watch)
                watch = self._await(notices)

    def _follow(self, notices: inotify.Inotify) -> int | None:
        return notices.add(self.path, _ENTRIES | inotify.MOVE_SELF | inotify.ONLYDIR)

    def _await(self, notices: inotify.Inotify) -> int:
        """The watch of the directory, once it is there again. It may be a link."""
        above: set[int] = set()
        told = False
        while (watch := self._follow(notices)) is None:
            for path in (os.path.abspath(self.path), os.path.realpath(self.path)):
                near = notices.add_nearest(os.path.dirname(path), _ABOVE)[0]
                above |= set() if near is None else {near}
            if (watch := self._follow(notices)) is not None:  # it came before that was watched
                break
            if not told:
                complain(PROGRAM, f"{self.path}: is gone; what is loaded goes on")
                told = True
            self._wait(notices.fd)
            notices.read()
        for each in above - {watch}:
            notices.remove(each)
        return watch

    def _wait(self, fd: int) -> None:
        """Until something changes, or has ended whose place may be taken, or is loaded now."""
        sys.stderr.flush()
        while True:
            pauses = []
            if self._coming.busy:
                done = self._coming.advance()
                if self._leaving is not None:  # at once: others may be long in coming
                    self._look(self._leaving, done)
                if self._coming.busy:
                    pauses.append(self._coming.pause)
                elif self._again or (self._leaving is not None and self._coming.came):
                    self._coming.came = False
                    return
            if self._leaving is not None and self._leaving.busy:
                if self._leaving.advance():
                    return
                pauses.append(_OFTEN)
            if select.select([fd], [], [], min(pauses, default=None))[0]:
                return

    def scan(self) -> bool:
        """Load what is there and is not loaded. False where there is no such directory."""
        try:
            names, unsure = _entries(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            complain(PROGRAM, f"{self.path}: {error.strerror}")
            return True
        self._again = False
        for name in names:
            if name in self._coming:
                self._again = True
                continue
            try:
                self._coming.add(name, self._entry(Bundle(f"{self.path}/{name}")))
            except (Failed, NoManager, OSError) as error:
                complain(PROGRAM, error)
        if self._leaving is not None:
            self._look(self._leaving, names)
            self._leaving.left({*names, *unsure})
        return True

    def _look(self, leaving: Leaving, names: list[str]) -> None:
        """Remember what is there now, for when it goes."""
        for name in names:
            bundle = Bundle(f"{self.path}/{name}")
            log = f"{bundle.path}/log"
            try:
                leaving.seen(name, bundle.supervise, Bundle(log).supervise)
            except OSError as error:
                complain(PROGRAM, f"{bundle.path}: cannot be unloaded later: {error.strerror}")

    def _entry(self, bundle: Bundle) -> list[tuple[Bundle, bool]]:
        """Load one, and its log; what is to be started, each with whether its input does that."""
        found: list[tuple[Bundle, bool]] = []
        if not is_supervised(bundle.supervise):
            load(self.rpc, bundle, remain=False, pipe=False)
            found.append((bundle, False))
        try:
            return [*self._log(bundle), *found]
        except (Failed, NoManager, OSError) as error:  # no reason not to start it
            complain(PROGRAM, error)
            return found

    def _log(self, bundle: Bundle) -> list[tuple[Bundle, bool]]:
        """Load its log, if it has one, and have its output go there."""
        if not os.path.isdir(f"{bundle.path}/log"):
            return []
        log = Bundle(f"{bundle.path}/log")
        found = []
        if not is_supervised(log.supervise):
            load(self.rpc, log, remain=False)
            found.append((log, self._by_input))
        plumb(self.rpc, bundle, log)
        return found


def _entries(path: str) -> tuple[list[str], list[str]]:
    """The names of what is a directory, and of what may be one, but cannot be followed now: that is
    no reason to pass others over, nor has it gone. Raises OSError, also when it was moved away
    meanwhile: it may seem to have lost its links then.
    """
    names, unsure = [], []
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with os.scandir(fd) as listing:
            for one in listing:
                try:
                    if one.name[0] != "." and one.is_dir():
                        names.append(one.name)
                except OSError as error:
                    complain(PROGRAM, f"{path}/{one.name}: {error.strerror}")
                    unsure.append(one.name)
        if not os.path.samestat(os.stat(path), os.fstat(fd)):
            raise FileNotFoundError(errno.ENOENT, "another has its place", path)
    finally:
        os.close(fd)
    return sorted(names), unsure
