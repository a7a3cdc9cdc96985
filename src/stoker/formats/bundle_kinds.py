"""The families of directories that are services, each with what differs (nosh.md 1.2, 1.3;
engine.md 1.3).

| family | known by | runs again | between two runs |
|---|---|---|---|
| nosh | `service/`, or `restart`, `remain` … | when `restart` says so | `restart CAUSE …` |
| encore | `start` or `stop`, no `restart` | always | `stop` at the end |
| s6 | `notification-fd`, `data` … | unless `finish` exits 125 | `finish CODE SIGNAL` |
| s6-rc | `type` | as s6; a oneshot never | as s6 |
| runit | `finish`, `check` …, `supervise` a link to runit's | always | `finish CODE STATUS` |
| daemontools | `run` alone | always | nothing |

A log that has nothing but `run` is of the family of the bundle that it is in, so that runit's and
s6's programs, which look at both, read both.

None starts a service twice within a second, as their supervisors do; nosh leaves that to `restart`.
All end with their whole contract. Programs are executed as `./NAME` with the service directory as
working directory, as their own supervisors do.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from typing import NamedTuple

from stoker.errors import UsageError
from stoker.model import (
    Context,
    Definition,
    Dependency,
    Mistaken,
    Probe,
    Ready,
    Restart,
    Rung,
    Step,
    Supervise,
    fmri,
    of_name,
    signal_number,
)

from .bundle_links import service_directory
from .entry import Reading, Reference, Surroundings, readable, slurp

__all__ = ["Family", "by_family", "family"]

_TERM, _CONT = 15, 18
_LADDER: tuple[Rung, ...] = (
    Rung((_TERM, _CONT), 30.0),
    Rung((_TERM, _CONT), 30.0),
    Rung((_TERM, _CONT), 30.0),
)
"""nosh.md 5.3, step 9: TERM and CONT at once, at 30 and at 60 seconds; KILL at 90."""

_EVERY_SECOND = Restart(delay=1.0, factor=1.0, cap=1.0, jitter=0.0, reset_after=1.0)
"""No two starts within a second, as supervise, runsv and s6-supervise do."""

_NEVER_AGAIN = 125  # s6-supervise(8): the exit status of finish that means permanent failure


class Folder:
    """The service directory of a bundle, and what is noted about its files."""

    def __init__(self, path: str, reading: Reading) -> None:
        self.path = path
        self._reading = reading

    def has(self, name: str) -> bool:
        """Present unless it is surely not there, as nosh takes its flags."""
        try:
            os.lstat(f"{self.path}/{name}")
        except FileNotFoundError:
            return False
        except OSError:  # there, or not to be told: nosh counts it as present
            return True
        return True

    def step(self, name: str, *, on_fail: str = "fail", timeout: float | None = None) -> Step:
        return Step((f"./{name}",), on_fail=on_fail, timeout=timeout)

    def text(self, name: str) -> str:
        """The first line of a small file, "" without it."""
        try:
            head = slurp(f"{self.path}/{name}", 4096).decode("utf-8", "replace")
        except FileNotFoundError:
            return ""
        except OSError as wrong:
            self.wrong(name, f"cannot be read: {wrong.strerror}", "it is taken as not there")
            return ""
        return head.partition("\n")[0].strip()

    def number(self, name: str, most: int = 2**32) -> int | None:
        """The number in a small file; None without it, or where it is none, or more (noted)."""
        text = self.text(name)
        if not text:
            return None
        if not (text.isascii() and text.isdigit()):
            self.wrong(name, f'"{text[:40]}" is not a number', "it is taken as not there")
            return None
        if len(text) > 20 or int(text) > most:
            self.wrong(name, f"{text[:40]} is more than {most}", "it is taken as not there")
            return None
        return int(text)

    def wrong(self, name: str, message: str, hint: str) -> None:
        where = readable(f"{self.path}/{name}")
        self._reading.mistakes.append(Mistaken(message, where, hint=hint, level="warning"))

    def look(self, program: str) -> None:
        """Warn of a program that exec(3) will refuse."""
        path = f"{self.path}/{program}"
        if os.path.isfile(path) and not os.access(path, os.X_OK):
            self.wrong(program, "is not executable", f"chmod +x {readable(path)}")

    def milliseconds(self, name: str) -> float | None:
        number = self.number(name)
        return None if number is None else number / 1000


class Family(NamedTuple):
    """One family: its name, and what makes a definition of a directory of it."""

    name: str
    make: Callable[[str, str, Folder, Reading], Definition]

    def define(
        self, bundle: str, name: str, surroundings: Surroundings, reading: Reading
    ) -> Definition:
        """The definition of the bundle at that path, without its relations and its log."""
        from msgspec.structs import replace

        folder = Folder(service_directory(bundle), reading)
        folder.look("run")
        made = self.make(bundle, name, folder, reading)
        log = made.log if made.log.mode == "service" else surroundings.log
        context = Context(working_directory=folder.path)
        return replace(made, context=context, log=log, supervise=self.supervise(bundle))

    def supervise(self, bundle: str) -> Supervise | None:
        """The directory that shows it; a source of s6-rc has none."""
        if self.name == "s6-rc":
            return None
        return Supervise(f"{bundle}/supervise", self.name)


def by_family(name: str) -> Family:
    """The family of that name. Raises KeyError."""
    return _FAMILIES[name]


def family(bundle: str, around: str = "") -> Family:
    """Which family a bundle is of, by the files that only one of them has. `around`: the bundle
    whose log it is.
    """
    service = service_directory(bundle)

    def any_of(*names: str) -> bool:
        return any(os.path.lexists(f"{service}/{name}") for name in names)

    if os.path.isfile(f"{bundle}/type"):
        return _FAMILIES["s6-rc"]
    if service != bundle or any_of("restart", "remain", "ready_after_run", "use_hangup"):
        return _FAMILIES["nosh"]
    if any_of("start", "stop"):
        return _FAMILIES["encore"]
    if any_of(*_S6):
        return _FAMILIES["s6"]
    if any_of("finish", "check", "control") or _is_kept_by_runit(bundle):
        return _FAMILIES["runit"]
    outer = family(around) if around else None
    return outer if outer is not None and outer.name in _PAIRS else _FAMILIES["daemontools"]


def _is_kept_by_runit(bundle: str) -> bool:
    """As Debian and Void have it: its supervise directory is in runit's part of /run."""
    try:
        return "/runit/" in os.readlink(f"{bundle}/supervise")
    except OSError:  # no link
        return False


_PAIRS = ("runit", "s6")

_S6 = (
    "notification-fd",
    "timeout-finish",
    "timeout-kill",
    "down-signal",
    "max-death-tally",
    "lock-fd",
    "flag-newpidns",
    "data",
)


def _nosh(bundle: str, name: str, folder: Folder, reading: Reading) -> Definition:
    remain, once = folder.has("remain"), folder.has("ready_after_run")
    ladder = _LADDER
    if folder.has("use_hangup"):
        ladder = tuple(Rung((1, *rung.signals), rung.wait) for rung in ladder)
    if folder.has("no_kill_signal"):
        ladder = (*ladder[:-1], Rung(ladder[-1].signals, 30.0), Rung(ladder[-1].signals, None))
    return Definition(
        name,
        enabled=not folder.has("down"),
        model="transient" if remain and once else "contract",
        prepare=(folder.step("start", on_fail="ignore"),) if folder.has("start") else (),
        start=(folder.step("run", on_fail="ignore" if once else "fail"),),
        # A missing one is a failed one: the run is over (nosh.md 10; 1.40 hangs).
        decide=(folder.step("restart"),),
        cleanup=(folder.step("stop", on_fail="ignore"),) if folder.has("stop") else (),
        ready=Ready("exit" if once else "spawn"),
        ends="never" if remain else "main" if once else "empty",
        rebegin="start",
        ladder=ladder,
    )


def _encore(bundle: str, name: str, folder: Folder, reading: Reading) -> Definition:
    return Definition(
        name,
        enabled=not folder.has("down"),
        model="contract",
        prepare=(folder.step("start", on_fail="ignore"),) if folder.has("start") else (),
        start=(folder.step("run"),),
        cleanup=(folder.step("stop", on_fail="ignore"),) if folder.has("stop") else (),
        ends="empty",
        restart=_EVERY_SECOND,
        ladder=_LADDER,
    )


def _daemontools(bundle: str, name: str, folder: Folder, reading: Reading) -> Definition:
    return Definition(
        name,
        enabled=not folder.has("down"),
        model="contract",
        start=(folder.step("run"),),
        ends="empty",
        restart=_EVERY_SECOND,
        ladder=_LADDER,
    )


def _runit(bundle: str, name: str, folder: Folder, reading: Reading) -> Definition:
    """runsv(8): `finish` gets the exit code (-1 when killed) and the low byte of the wait status;
    `check` says whether it is up; `control/t` and its like stand in for a signal.
    """
    from msgspec.structs import replace

    made = _daemontools(bundle, name, folder, reading)
    for program in _entries(f"{folder.path}/control"):
        folder.wrong(f"control/{program}", "is not run", "the signal itself is sent")
    ready = Ready()
    if folder.has("check"):
        ready = Ready("probe", Probe("exec", ("./check",)))
    finish = (folder.step("finish"),) if folder.has("finish") else ()
    return replace(
        made,
        ready=ready,
        decide=finish,
        decide_arguments="code",
        decide_by="policy",
    )


def _s6(bundle: str, name: str, folder: Folder, reading: Reading) -> Definition:
    """s6-supervise(8), and the files of servicedir."""
    from msgspec.structs import replace

    made = _daemontools(bundle, name, folder, reading)
    descriptor = folder.number("notification-fd", 1023)
    ready = Ready() if descriptor is None else Ready("fd", fd=descriptor)
    patience = folder.milliseconds("timeout-finish")
    limit = 5.0 if patience is None else patience or None
    finish = (folder.step("finish", timeout=limit),) if folder.has("finish") else ()
    return replace(
        made,
        ready=ready,
        decide=finish,
        decide_arguments="pair",
        decide_by="policy",
        restart=replace(made.restart, fatal_exits=(_NEVER_AGAIN,)),
        ladder=_s6_ladder(folder),
    )


def _s6_ladder(folder: Folder) -> tuple[Rung, ...]:
    number = _TERM
    if text := folder.text("down-signal"):
        try:
            number = signal_number(text)
        except UsageError as wrong:
            folder.wrong("down-signal", wrong.message, "TERM is sent")
    patience = folder.milliseconds("timeout-kill")
    if patience:
        return (Rung((number, _CONT), patience),)
    return tuple(Rung((number, _CONT), rung.wait) for rung in _LADDER)


def _s6rc(bundle: str, name: str, folder: Folder, reading: Reading) -> Definition:
    """s6-rc-compile(8): a source directory. `dependencies.d` are needed ready before, and go down
    after.
    """
    from msgspec.structs import replace

    kind = folder.text("type")
    members = {
        place: _named(bundle, place, folder, reading) for place in ("dependencies", "contents")
    }
    needs = members["dependencies"]
    if kind == "longrun":
        made = replace(_s6(bundle, name, folder, reading), enabled=True)
        if made.ready.kind == "fd":
            made = replace(
                made, ready=replace(made.ready, timeout=folder.milliseconds("timeout-up"))
            )
    elif kind == "oneshot":
        made = Definition(
            name,
            model="transient",
            start=_line(folder, "up", folder.milliseconds("timeout-up")),
            stop=_line(folder, "down", folder.milliseconds("timeout-down")),
            ready=Ready("exit"),
            ends="never",
            interrupt="finish",
        )
    else:
        made = Definition(name, model="transient", start=(Step(word=":true"),), ready=Ready("exit"))
        made = replace(made, ends="never", wants=members["contents"])
    groups = (Dependency(needs, name="dependencies"),) if needs else ()
    return replace(made, dependencies=groups, part_of=needs)


def _named(bundle: str, place: str, folder: Folder, reading: Reading) -> tuple[str, ...]:
    """The services that PLACE.d (a file each) or PLACE (a line each) names."""
    names = _entries(f"{bundle}/{place}.d")
    if not names:
        try:
            names = slurp(f"{bundle}/{place}").decode("utf-8", "replace").split()
        except OSError:  # neither form is there: it names nobody
            return ()
    found = []
    for one in names:
        try:
            target = fmri(*of_name(one))
        except UsageError as wrong:
            folder.wrong(place, wrong.message, wrong.hint or "it is passed over")
            continue
        found.append(target)
        reading.references.append(Reference(target, readable(f"{bundle}/{place}"), None, place))
    return tuple(found)


def _line(folder: Folder, name: str, timeout: float | None) -> tuple[Step, ...]:
    """The command of a oneshot: a command line for execline, or a script by its own first line."""
    if not folder.has(name):
        return (Step(word=":true"),)
    try:
        text = slurp(f"{folder.path}/{name}").decode("utf-8", "replace")
    except OSError as wrong:
        folder.wrong(name, f"cannot be read: {wrong.strerror}", "it does nothing")
        return (Step(word=":true"),)
    first = text.partition("\n")[0]
    if first.startswith("#!"):
        return (Step((*first[2:].split(None, 1), f"./{name}"), timeout=timeout or None),)
    words = _plain_words(text)
    if words:
        return (Step(words, timeout=timeout or None),)
    return (Step(("execlineb", "-P", f"./{name}"), timeout=timeout or None),)


def _plain_words(text: str) -> tuple[str, ...]:
    """The words of one command line without anything that only execline understands; else ()."""
    lines = [line for line in text.splitlines() if line.strip() and line.strip()[0] != "#"]
    if len(lines) != 1 or any(sign in lines[0] for sign in "{}$\\'*`"):
        return ()
    try:
        return tuple(shlex.split(lines[0]))
    except ValueError:  # a quotation that does not end: execline shall say so
        return ()


def _entries(path: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(path) if not name.startswith("."))
    except OSError:  # not there, or no directory: nothing is named
        return []


_FAMILIES = {
    one.name: one
    for one in (
        Family("nosh", _nosh),
        Family("encore", _encore),
        Family("s6", _s6),
        Family("s6-rc", _s6rc),
        Family("runit", _runit),
        Family("daemontools", _daemontools),
    )
}
