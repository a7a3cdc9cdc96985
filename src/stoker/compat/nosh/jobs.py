"""start, stop and reset: jobs of the manager, on bundles that are loaded before (nosh.md 5.3)."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

from stoker.client import Client, connect, place_of
from stoker.errors import Failed, NoManager, StokerError
from stoker.model import Definition, Place, decode_compiled, display

from .bundles import Bundle, complain
from .supervised import is_supervised

__all__ = ["Jobs", "activate", "connect_to", "load", "plumb", "run"]

_SIZE = 262
_PLUMB, _LOAD, _ACTIVATE, _PIPE, _REMAIN = 1, 2, 3, 5, 6
_SOON, _LATE = 0.005, 0.1  # seconds between looks
_PATIENCE = 60.0  # seconds for a directory to be loaded; nosh gives it 5
_LONGEST = 480.0  # seconds that a job may take, as nosh's system manager lets one take
_SLICE = 20.0


class Jobs:
    """Jobs of the place that is found from here, or of the user's. Raises StokerError where there
    is no manager.
    """

    def __init__(self, program: str, *, user: bool = False, verbose: bool = False) -> None:
        self.place: Place = place_of(kind="user" if user else "")
        self.client: Client = connect(self.place)
        self._program = program
        self._verbose = verbose
        self._known: dict[tuple[int, int], Definition] = {}
        self._fresh = False  # something was loaded, and may not be in effect yet

    def run(self, verb: str, bundles: Sequence[Bundle], pretend: bool = False) -> int:
        """Start or stop these, and what belongs to it; the exit status. Raises StokerError."""
        if not bundles:
            return 0
        self._read_again()
        names: dict[str, Bundle] = {}
        for bundle in bundles:
            found = self._find(bundle, loading=verb == "start", pretend=pretend)
            if found is not None:
                names[found.fmri] = bundle
                if verb == "start" and found.fmri in found.conflicts:
                    complain(self._program, f"{bundle.path}: Conflicting job requirements.")
                    return 1
            else:
                self.say(verb if pretend else "done", bundle.path)
        if not names:
            return 0
        if self._fresh:  # it is, when a reading that was asked for after it has ended
            self.client.post("/v1/reload", {})
            self._fresh = False
        body = {"verb": verb, "names": list(names), "why": f"{self._program} {verb}"}
        if pretend:
            return self._plan(verb, body)
        return self._wait(verb, names, {**body, "timeout": _LONGEST})

    def say(self, word: str, what: str) -> None:
        """What happens, for who wants to know."""
        if self._verbose:
            print(f"{self._program}: {word} {what}", file=sys.stderr)

    # -- the bundles

    def _read_again(self) -> None:
        """Links may have changed since: nosh reads them for each job."""
        self.client.post("/v1/reload", {})
        self._learn()

    def _learn(self) -> None:
        with open(self.place.definitions, "rb") as file:
            compiled = decode_compiled(file.read())
        self._known = {}
        for one in compiled.definitions:
            if one.format == "bundle":
                try:
                    self._known[Bundle(one.source).identity()] = one
                except OSError:  # it was removed while it runs
                    continue

    def _find(self, bundle: Bundle, *, loading: bool, pretend: bool) -> Definition | None:
        """What the manager knows it as; None for one that is not loaded and need not be. Raises
        Failed.
        """
        try:
            identity = bundle.identity()
        except OSError as error:
            raise Failed(f"{bundle.path}: {error.strerror}") from None
        if identity in self._known or not loading or pretend:
            return self._known.get(identity)
        self.say("load", bundle.path)
        load(self.place.runtime + "/rpc", bundle)
        self._fresh = True
        end = time.monotonic() + _PATIENCE
        pause = _SOON
        while not self._is_loaded(identity) or not is_supervised(bundle.supervise):
            if time.monotonic() > end:
                raise Failed(f"{bundle.path}: cannot load: {self.place.name} does not take it")
            time.sleep(pause)
            pause = min(_LATE, pause * 1.5)
            self._learn()
        return self._known[identity]

    def _is_loaded(self, identity: tuple[int, int]) -> bool:
        """Whether all that was sent is known: its pipe came last."""
        found = self._known.get(identity)
        return found is not None and found.stdin == "pipe"

    # -- the operation

    def _wait(self, verb: str, names: dict[str, Bundle], body: dict[str, Any]) -> int:
        for bundle in names.values():
            self.say(verb, bundle.path)
        operation = self.client.post(f"/v1/operations?wait={_SLICE:g}", body)["operation"]
        while not operation["outcome"]:
            number = operation["number"]
            operation = self.client.get(f"/v1/operations/{number}?wait={_SLICE:g}")["operation"]
        for fmri in operation["affected"]:
            self.say("also", display(fmri))
        status = 0
        for member in operation["members"]:
            path = names[member["fmri"]].path if member["fmri"] in names else member["fmri"]
            if member["outcome"] == "done":
                self.say("ready" if verb == "start" else "done", path)
                continue
            status = 1
            text = member["note"] or member["outcome"]
            if "(conflicts)" in text:
                text = f"Conflicting job requirements. {text}"
            elif text.startswith("ordering loop"):
                text = f"Ordering loop. {text}"
            complain(self._program, f"{path}: cannot {verb}: {text}")
        return status if operation["outcome"] == "done" else 1

    def _plan(self, verb: str, body: dict[str, Any]) -> int:
        answer = self.client.post("/v1/operations", {**body, "dry_run": True})
        for step in answer["plan"]:
            if step["fmri"]:
                print(f"{self._program}: {step['action']} {display(step['fmri'])}", file=sys.stderr)
        return 0


def load(path: str, bundle: Bundle, *, remain: bool = True, pipe: bool = True) -> None:
    """Ask the service manager on that socket to load a bundle, to run on when empty if its file
    `remain` says so, with a pipe for its input. Raises Failed, NoManager.
    """
    supervise = f"{bundle.path}/supervise"
    try:
        _make(supervise)
        _send(path, _LOAD, bundle.name, supervise, bundle.service)
        if remain and bundle.has("remain"):
            _send(path, _REMAIN, "", supervise)
        if pipe:
            _send(path, _PIPE, "", supervise)
    except OSError as error:
        raise Failed(f"{bundle.path}: cannot load: {error.strerror}") from None


def plumb(path: str, writer: Bundle, reader: Bundle) -> None:
    """Have the output of one go to the input of another. Raises OSError, NoManager."""
    _send(path, _PLUMB, "", writer.supervise, reader.supervise)


def activate(path: str, bundle: Bundle) -> None:
    """Have it started by its first input. Raises OSError, NoManager."""
    _send(path, _ACTIVATE, "", bundle.supervise)


def connect_to(path: str) -> socket.socket:
    """A socket to a service manager. Raises NoManager."""
    end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        end.connect(path)
    except OSError as error:
        end.close()
        raise NoManager(f"{path}: {error.strerror}") from None
    return end


def _make(supervise: str) -> None:
    """The supervise directory; where it is a link into nowhere, what it leads to."""
    try:
        os.mkdir(supervise, 0o700)
    except FileExistsError:
        if not os.path.isdir(supervise) and os.path.islink(supervise):
            os.mkdir(os.path.join(os.path.dirname(supervise), os.readlink(supervise)), 0o755)


def _send(path: str, operation: int, name: str, *directories: str) -> None:
    data = bytes((operation,)) + os.fsencode(name)[:260].ljust(_SIZE - 1, b"\0")
    fds: list[int] = []
    try:
        for one in directories:
            fds.append(os.open(one, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        with connect_to(path) as end:
            socket.send_fds(end, [data], fds)
    finally:
        for fd in fds:
            os.close(fd)


def reset(jobs: Jobs, bundles: Iterable[Bundle], pretend: bool = False) -> int:
    """Start those that are enabled, and stop those that are not."""
    bundles = list(bundles)
    up = [one for one in bundles if not one.has("down")]
    down = [one for one in bundles if one.has("down")]
    return max(jobs.run("start", up, pretend), jobs.run("stop", down, pretend))


def run(
    program: str, verb: str, bundles: Sequence[Bundle], *, user: bool, verbose: bool, pretend: bool
) -> int:
    """One job as a command: its exit status; what fails is told."""
    try:
        jobs = Jobs(program, user=user, verbose=verbose or pretend)
        if verb == "reset":
            return reset(jobs, bundles, pretend)
        return jobs.run(verb, bundles, pretend)
    except (StokerError, OSError) as error:
        complain(program, error)
        return 1
