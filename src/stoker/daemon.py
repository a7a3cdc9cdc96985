"""The manager as a program: composes one manager out of the rooms, and runs it.

``python -I -S -c "… from stoker.daemon import main; main([RUN])"``, started by the keeper, with its
channel in STOKER_KEEPER. Lean by intention: what a file format, a database or another event loop
would bring in is not imported.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stoker.errors import StokerError
from stoker.linux import Loop, channel
from stoker.manager import Keeping, Manager, begin, log_line, succeed

if TYPE_CHECKING:
    from stoker.interfaces import RPC, ControlSocket, RunDirectory, SuperviseDirectories
    from stoker.model import Definition
    from stoker.process import KeptEnd

__all__ = ["main"]

_SOON = 1_000_000_000  # nanoseconds after which the first clients have their answers


class Daemon:
    """One life of the manager."""

    def __init__(self, run: str) -> None:
        self.run_directory = run
        self.manager: Manager | None = None
        self.door: ControlSocket | None = None
        self.published: RunDirectory | None = None
        self.supervising: SuperviseDirectories | None = None
        self.rpc: RPC | None = None
        self.doors: dict[str, int] = {}
        self.loop = Loop(self._failed)
        self.keeping = Keeping(self.loop, channel.Channel.from_environment())

    def run(self) -> int:
        """Serve until told to end. The status is for the keeper: 0 asks for a successor."""
        # Handlers, never SIG_IGN: what is ignored would be ignored by every service too.
        self.loop.signals([signal.SIGTERM], self._term)
        quiet = (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
        self.loop.signals(quiet, lambda _number: None)
        self.keeping.lost = self._lost
        begin(self.loop, self.run_directory, self.keeping, self._serve, self._open)
        self.loop.run(self._after)
        return 0

    def _serve(self, manager: Manager) -> None:
        """The manager knows everything: let clients in."""
        self.loop.at(time.monotonic_ns() + _SOON, self._settle)
        held = self.keeping.take("listen/control")
        self.doors = held
        if "listen/control" in held:
            from stoker.interfaces import ControlSocket  # here: services come first

            self.door = ControlSocket(self.loop, held["listen/control"], manager)
        from stoker.interfaces import RPC

        try:
            given = self.keeping.take(RPC.HELD)
            self.rpc = RPC(manager, given, self.keeping.put, lambda: self.supervising)
            self._joined()
        except OSError as error:  # the services go on, and everybody else is served
            manager.log(f"no directories can be loaded: {error.strerror or error}")

    def _joined(self) -> None:
        """Commands in supervise directories wait for what was sent before them."""
        if self.rpc is not None and self.supervising is not None:
            self.supervising.unloaded = self.rpc.unloaded
            self.supervising.waiting = self.rpc.is_waiting

    def _settle(self) -> None:
        """What could wait until we serve. Garbage is looked for from now on, though not among what
        is here already: our command line switches the search off, a tenth of the time until then.
        """
        gc.enable()
        if self.door is not None:
            self.door.settle()
        gc.collect()
        gc.freeze()

    def _open(self, manager: Manager, shown: dict[str, Any], ends: list[KeptEnd]) -> None:
        """A door that has to have its say before anything is decided."""
        self.manager = manager
        self.keeping.settle()
        if manager.place.published:
            from stoker.interfaces import RunDirectory

            gone = {told.pid: told.end for told in ends}
            held = self.keeping.take(RunDirectory.HELD)
            self.published = RunDirectory(manager, held, self.keeping.put, shown, gone)

        def supervise(new: list[Definition]) -> None:
            """Where a definition has a supervise directory, now or after a reload."""
            if self.supervising is None and any(one.supervise is not None for one in new):
                from stoker.interfaces import SuperviseDirectories

                self.supervising = SuperviseDirectories(manager)
                self._joined()

        manager.doors.join(defined=supervise)
        supervise(manager.compiled.definitions)

    def _after(self) -> None:
        if self.manager is not None:
            self.manager.turn()

    def _term(self, _number: int) -> None:
        """An orderly end of this process alone: services go on, the keeper starts a successor."""
        self.loop.stop()

    def _lost(self) -> None:
        more = dict(self.published.held) if self.published is not None else {}
        more |= self.rpc.held if self.rpc is not None else {}
        succeed(self.keeping, self.manager, self.doors | more)

    def _failed(self, error: Exception) -> None:
        if self.manager is not None:
            self.manager.failed(error)
        else:
            log_line(f"cannot begin: {type(error).__name__}: {error}")


def main(argv: Sequence[str] | None = None) -> int:
    """The program; `argv` ends with the runtime directory. Returns the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    os.umask(0o022)
    try:
        return Daemon(words[-1]).run()
    except (LookupError, OSError, EOFError, ValueError, StokerError) as error:
        log_line(f"cannot begin: {type(error).__name__}: {error}")
        return 1
