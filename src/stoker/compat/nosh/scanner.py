"""service-dt-scanner (svscan): loads and starts what appears in a directory (nosh.md 7).

A plain client of the RPC: it starts no process, keeps no state, and may come and go. What is loaded
already is left alone, so nothing is started twice; what disappears goes on, unless it is asked to
unload it.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import sys
import time

from stoker.client import place_of
from stoker.errors import Failed, NoManager, StokerError, UsageError

from .bundles import Bundle, asked_for_help, complain, options
from .jobs import activate, connect_to, load, plumb
from .leaving import Leaving
from .supervised import command, is_supervised

__all__ = ["main", "svscan"]

PROGRAM = "service-dt-scanner"
_PATIENCE = 60.0  # seconds in which the service manager loads nothing before that is said
_OFTEN = 0.2  # seconds between looks at what is to end


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
        leaving = Leaving() if "unload" in given else None
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

    def watch(self) -> None:
        """Look now, and after each change. Raises OSError when the directory cannot be watched."""
        from stoker.linux import inotify

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        if self._leaving is not None:  # it holds a descriptor for each
            most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        notices = inotify.Inotify()
        mask = inotify.CREATE | inotify.DELETE | inotify.ATTRIB
        mask |= inotify.MOVED_TO | inotify.MOVED_FROM | inotify.ONLYDIR
        if notices.add(self.path, mask) is None:
            raise Failed(f"{self.path}: cannot be watched")
        while True:
            self.scan()
            sys.stderr.flush()
            self._wait(notices.fd)
            notices.read()

    def _wait(self, fd: int) -> None:
        """Until something changes, or has ended whose place may be taken."""
        while self._leaving is not None and self._leaving.busy:
            if self._leaving.advance() or select.select([fd], [], [], _OFTEN)[0]:
                return
        select.select([fd], [], [])

    def scan(self) -> None:
        """Load and start what is there and is not loaded."""
        try:
            with os.scandir(self.path) as listing:
                names = sorted(one.name for one in listing if one.name[0] != "." and one.is_dir())
        except OSError as error:
            complain(PROGRAM, f"{self.path}: {error.strerror}")
            return
        loading = []
        for name in names:
            try:
                loading += self._entry(Bundle(f"{self.path}/{name}"))
            except (Failed, NoManager, OSError) as error:
                complain(PROGRAM, error)
        self._start(loading)
        if self._leaving is not None:
            self._look(self._leaving, names)

    def _look(self, leaving: Leaving, names: list[str]) -> None:
        """Remember what is there now, for when it goes."""
        for name in names:
            bundle = Bundle(f"{self.path}/{name}")
            log = f"{bundle.path}/log"
            try:
                leaving.seen(name, bundle.supervise, Bundle(log).supervise)
            except OSError as error:
                complain(PROGRAM, f"{bundle.path}: cannot be unloaded later: {error.strerror}")
        leaving.left(names)

    def _entry(self, bundle: Bundle) -> list[tuple[Bundle, bool]]:
        """Load one, and its log; what is to be started, each with whether its input does that."""
        found: list[tuple[Bundle, bool]] = []
        if not is_supervised(bundle.supervise):
            load(self.rpc, bundle, remain=False, pipe=False)
            found.append((bundle, False))
        if os.path.isdir(f"{bundle.path}/log"):
            log = Bundle(f"{bundle.path}/log")
            if not is_supervised(log.supervise):
                load(self.rpc, log, remain=False)
                found.insert(0, (log, self._by_input))
            plumb(self.rpc, bundle, log)
        return found

    def _start(self, loading: list[tuple[Bundle, bool]]) -> None:
        end = time.monotonic() + _PATIENCE
        for bundle, by_input in loading:
            try:
                while not is_supervised(bundle.supervise):
                    if time.monotonic() > end:
                        raise Failed(f"{bundle.path}: was not loaded")
                    time.sleep(0.01)
                end = time.monotonic() + _PATIENCE  # thousands take their time
                if bundle.has("down"):
                    continue
                if by_input:
                    activate(self.rpc, bundle)
                else:
                    command(bundle.supervise, "u")
            except (Failed, NoManager, OSError) as error:
                complain(PROGRAM, error)
