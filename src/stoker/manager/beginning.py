"""From a keeper's greeting to a manager that serves.

On the first start of a place nothing is known and nothing runs, so administrators' choices must be
there before anything is started: the recorder is waited for, with a limit, where there is a
repository. A successor has them in its records and waits for nobody.

STOKER_CONTAINMENT=session in the environment of `up` makes contracts without cgroups where cgroups
could be had.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from typing import Any

from stoker.engine import Adopted, Due, Engine, Event
from stoker.errors import StokerError
from stoker.linux import Loop, cgroup, channel, faults, limits, prctl, proc
from stoker.model import Compiled, Definition, Place, digest
from stoker.process import (
    Budget,
    CgroupContracts,
    Contracts,
    Executor,
    KeptEnd,
    Outputs,
    SessionContracts,
    Spawning,
    Surroundings,
    end_process,
    spawner_named,
)

from .backlog import Backlog
from .clockwatch import ClockWatch
from .core import Manager, log_line
from .happenings import Happenings
from .keeping import Keeping
from .link import Link
from .papers import PREFIX as PAPERS
from .papers import Papers
from .reload import definitions
from .restoring import OWN, TRIED, Records, kept_end, recognised, take_over
from .statelog import StateLog

__all__ = ["begin"]

_KEPT = ("stdio/", "in/", "plumb/", "to/", "listen/svc:", "notify/", "ready/", "rpc/")
_PATIENCE = 10_000_000_000  # nanoseconds that we wait for choices before we go on without
_ASIDE = 4  # managers that died with the state in a row
# Deaths in which it has no part; of one that a keeper before this one saw nothing is known.
_BLAMELESS = (None, 0, -signal.SIGTERM, -signal.SIGKILL)


Opening = Callable[[Manager, dict[str, Any], list[KeptEnd]], object]


def begin(
    loop: Loop,
    run: str,
    keeping: Keeping,
    ready: Callable[[Manager], object],
    opening: Opening = lambda _manager, _shown, _ends: None,
) -> None:
    """Make the manager of the place whose runtime directory is `run`; `ready(manager)` when it may
    serve.

    `opening(manager, shown, ends)` before anything is decided: what doors showed before (see
    `SHOWN`), and all ends that the keeper told; what it asks for counts from the first turn. By
    then everything has been taken over.

    Raises OSError, StokerError when there is no place there.
    """
    keeping.needs()
    papers = Papers(run, keeping.take(PAPERS), keeping.put)
    place = papers.place()
    prctl.set_subreaper(True)
    keeping.listen()
    state = StateLog(lambda fd: keeping.put({"state": fd}))
    records = _records(keeping, state)
    # The keeper counts from its own start; a place may have had more than one keeper.
    keeping.recall(records.seen)
    life = max(int(records.own.get("lives", 0)) + 1, keeping.hello.generation)
    happenings = Happenings(state.append, log_line)
    keeping.own = papers.held | keeping.take("lock") | keeping.take("link/manager")
    link = None
    if "link/manager" in keeping.own:
        link = Link(loop, keeping.own["link/manager"], life, _backlog(keeping))
    manager = Manager(loop, place, Engine(), state, happenings, keeping, link, life, log_line)
    happenings._write = manager.write
    if state.damage:
        manager.log(state.damage)
        manager.notices["state damage"] = state.damage
    try:
        compiled = _compiled(manager, papers, records)
    except StokerError:
        manager.write({TRIED: records.tried})  # the state has no part in this
        raise
    _keep(papers, keeping)  # before descriptors are counted

    def go() -> None:
        _begin(manager, keeping, records, compiled, papers, opening)
        ready(manager)
        keeping.ready()  # now: who says so and does not answer yet has not served
        manager.write({TRIED: None})
        manager.parent.ready()
        manager.subscribe(manager.parent.changed)

    if link is None or records.own.get("choices") or not _chosen(place):
        go()
    else:
        keeping.patient = False  # nothing is taken up yet, and this may last
        keeping.settle()
        _when_known(loop, link, manager, go)


def _chosen(place: Place) -> bool:
    """Whether anything may have been chosen here: there is a repository, or what one leaves behind
    when it is damaged or removed.
    """
    try:
        return any(name.startswith("repository.db") for name in os.listdir(place.state))
    except OSError:
        return False


def _backlog(keeping: Keeping) -> Backlog:
    def hold(fd: int) -> None:
        keeping.own["backlog"] = fd
        keeping.put({"backlog": fd})

    keeping.own |= keeping.take("backlog")
    return Backlog(hold, keeping.own.get("backlog", -1))


def _when_known(loop: Loop, link: Link, manager: Manager, go: Callable[[], object]) -> None:
    gone: list[bool] = []

    def once() -> None:
        if not gone:
            gone.append(True)
            timer.cancel()
            go()

    def late() -> None:
        text = (
            "the recorder does not tell administrators' choices; going on with what the files say"
        )
        manager.log(text)
        manager.notices["choices"] = text
        once()

    faults.point("waiting")
    timer = loop.at(time.monotonic_ns() + _PATIENCE, late)
    link.when_known(once)


def _records(keeping: Keeping, state: StateLog) -> Records:
    """The predecessor's records; none at the first start, or when they are what kills us.

    That the keeper has seen many deaths in a row does not say so: in them is what people have
    decided. Only those count that had taken the records up, and that nobody else brought about: so
    that we did stands there before anything of them is understood.
    """
    fd = keeping.take("state").get("state")
    if fd is None:
        state.create()
        return Records()
    values = state.open(fd)
    tried = values.pop(TRIED, 0)
    tried = tried if isinstance(tried, int) else 0
    if tried and keeping.hello.last_status in _BLAMELESS:
        tried -= 1
    many = os.environ.get("STOKER_STATE") == "aside" or "state-aside" in keeping.hello.flags
    if many and tried >= _ASIDE:
        state.close()
        log_line("the state is set aside: managers died with it, one after the other")
        state.create()
        return Records()
    try:
        state.append({TRIED: tried + 1})
    except OSError as error:  # no memory for it: then it does not count
        log_line(f"the state cannot be written: {error.strerror}")
    records = Records.of(values)
    records.tried = tried
    return records


def _begin(
    manager: Manager,
    keeping: Keeping,
    records: Records,
    compiled: Compiled,
    papers: Papers,
    opening: Opening,
) -> None:
    keeping.patient = True
    place, shown, choices = manager.place, records.shown, bool(records.own.get("choices"))
    spawner = records.own.get("spawner")
    if spawner is not None and not end_process(int(spawner[0]), int(spawner[1])):
        manager.log(f"the spawner {spawner[0]} of my predecessor does not end")
    contracts = _contracts(place, keeping, records)
    executor = _executor(manager, keeping, contracts, compiled, papers)
    manager.attach(executor)
    keeping.said = manager.log
    keeping.exited = lambda told: _exited(manager, executor, told)
    keeping.signalled = manager.meanings.heard
    items = _held(keeping, executor)
    executor.outputs.given = keeping.take("stdio/")
    manager.aloud.fd = executor.outputs.given.get("stdio/2", -1)
    if not records.engine:
        records = recognised(executor, compiled.definitions)
        if records.engine:
            manager.log(f"taking over {len(records.engine)} services that run already")
    manager.engine.restore(records.engine)
    events: list[Event] = list(manager.define(compiled))
    known = {one.fmri: one for one in compiled.definitions}
    definitions = [*compiled.definitions, *_gone(records, known, manager)]
    kept: list[KeptEnd] = []

    def ends() -> list[KeptEnd]:
        kept.extend(kept_end(told, contracts) for told in keeping.ends())
        return kept

    happenings, delegation = manager.happenings, manager.delegation
    events += take_over(executor, records, definitions, ends, items, happenings, delegation)
    executor.reaper.ask = keeping.ask  # not before: an end is told once, when all are known
    events += _unrun(records, events)
    for contract in executor.emptiness.orphans:
        manager.happenings.orphans[contract.ctid] = f"{contract.name}, which no definition names"
    executor.listeners.keep(known)
    manager.write({OWN: _own(manager, executor, choices)})
    manager.happenings.begin(events, dict.fromkeys(records.notes))
    faults.point("adopted")
    manager.milestone.begin(not records.engine)
    opening(manager, shown, kept)
    _strays(manager, executor, kept)
    keeping.watch()
    ClockWatch(manager.loop, lambda: manager.happenings.add(Due()))
    manager.turn()
    if not choices:
        manager.write({OWN: _own(manager, executor, True)})
    manager.log(f"generation {manager.generation}: {len(compiled.definitions)} definitions")


def _unrun(records: Records, events: Iterable[Event]) -> list[Event]:
    """Instances that had a run of which nothing can be looked for (its definition is gone)."""
    told = {event.fmri for event in events if isinstance(event, Adopted)}
    defined = {event.definition.fmri for event in events if hasattr(event, "definition")}
    return [
        Adopted(fmri)
        for fmri, record in records.engine.items()
        if fmri in defined and fmri not in told and record.get("stage", "idle") != "idle"
    ]


def _gone(records: Records, known: dict[str, Definition], manager: Manager) -> list[Definition]:
    """Instances in the records whose definition is not in the blob: the engine never hears of them
    again.
    """
    lost = [fmri for fmri in records.engine if fmri.startswith("svc:") and fmri not in known]
    if lost:
        manager.write(dict.fromkeys(lost))
    return []


def _own(manager: Manager, executor: Executor, choices: bool) -> dict[str, Any]:
    """Our own record: how contracts are made, and the spawner, which must end before a successor
    looks; `choices`: whether administrators' choices stand in the records.
    """
    contracts = executor.contracts
    own: dict[str, Any] = {"v": 1, "choices": choices, "contracts": contracts.kind}
    own["lives"] = manager.generation
    if isinstance(contracts, CgroupContracts):
        own["parent"] = contracts.parent.path
    pid = executor.spawning.spawner_pid
    if pid is not None:
        own["spawner"] = [pid, proc.start_time(pid) or 0]
    return own


def _compiled(manager: Manager, papers: Papers, records: Records) -> Compiled:
    """The definitions. Raises StokerError when there are none though something runs: a manager that
    knew none would take it for nobody's, so we rather do not begin.
    """
    try:
        return definitions(papers, manager.place, manager.log)
    except StokerError as error:
        if records.engine:
            raise
        manager.log(str(error))
        manager.notices["definitions"] = str(error)
        return Compiled()


def _keep(papers: Papers, keeping: Keeping) -> None:
    """The keeper, and we, hold what a successor needs."""
    try:
        papers.keep()
    except OSError as error:  # it is read from the directory as long as that is there
        log_line(f"the keeper does not hold what is written in the runtime directory: {error}")
    keeping.own |= papers.held


def place_mark(place: Place) -> str:
    """A short name of the place, for cgroups and markers."""
    return digest(os.fsencode(place.runtime), 6)


def _contracts(place: Place, keeping: Keeping, records: Records) -> Contracts:
    """As the predecessor had them; else by cgroup where we may."""
    mark = place_mark(place)
    before = records.own.get("contracts")
    if before == "cgroup":
        return CgroupContracts(cgroup.Cgroup(str(records.own.get("parent", ""))), mark)
    wanted = os.environ.get("STOKER_CONTAINMENT", "")
    parent = cgroup.usable() if before is None and wanted != "session" else None
    if parent is not None:
        return CgroupContracts(parent, mark)
    return SessionContracts(mark, keeping.pid)


def _executor(
    manager: Manager, keeping: Keeping, contracts: Contracts, compiled: Compiled, papers: Papers
) -> Executor:
    place = manager.place
    soft = _descriptors(compiled)
    spawning = Spawning()
    surroundings = Surroundings(_environment(papers, place, compiled), place.working_directory)
    outputs = Outputs(keeping.put, keeping.drop, papers.mark(), place.working_directory)
    link = manager.link
    executor = Executor(
        manager.loop,
        spawning,
        contracts,
        surroundings,
        outputs,
        manager.happenings,
        keeping,
        link.wait_for if link is not None else _nobody,
    )
    executor.soft_limit = soft

    def raised(before: int) -> None:
        if executor.soft_limit is None:
            executor.soft_limit = before

    told = compiled.settings
    budget = Budget(keeping.pid, told.reserve, raised, told.open_files, keeping.fence)
    executor.budget = budget

    def spawner() -> None:
        name = manager.settings.spawner
        found = spawner_named(name, spawning)
        executor.spawner = spawning if found is None else found
        manager.notices.pop("spawner", None)
        if found is None:
            text = f"there is no {name} here: services are started by ourselves"
            manager.notices["spawner"] = text
            manager.log(text)

    def settings() -> None:
        _keep(papers, keeping)
        spawner()
        surroundings.base = _environment(papers, place, manager.compiled)
        budget.reserve, budget.most = manager.settings.reserve, manager.settings.open_files

    manager.settings = told
    spawner()
    manager.on_settings = settings
    return executor


def _nobody(_fmri: str, _run: int, _pattern: str) -> None:
    """Nobody reads output here."""


def _descriptors(compiled: Compiled) -> int | None:
    """Raise our limit if so many services need it, or the settings say so; returns the one that
    services then get, None if it is ours.
    """
    now = limits.get("nofile")
    most = compiled.settings.open_files
    need = 4 * len(compiled.definitions) + compiled.settings.reserve + 256
    need += 3 * sum(one.supervise is not None for one in compiled.definitions)
    if now is None or now[0] == -1 or (need < now[0] and most is None):
        return None
    if limits.raise_descriptors(most) == now[0]:
        return None
    return now[0]


def _environment(papers: Papers, place: Place, compiled: Compiled) -> dict[str, str]:
    """The base environment: as the last `up` recorded it, and what the settings add."""
    base: dict[str, str] = {}
    clean = b"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    data = next(papers.read("environment"), clean)
    for entry in data.split(b"\0"):
        name, sign, value = entry.partition(b"=")
        if sign and name:
            base[os.fsdecode(name)] = os.fsdecode(value)
    ours = {"STOKER_SOCKET": place.socket}
    if place.published:
        ours |= {"SYSDIR": place.directories[0], "RUNDIR": place.published}
    return base | compiled.settings.environment | ours


def _held(keeping: Keeping, executor: Executor) -> dict[str, int]:
    """What the keeper holds of services."""
    keeping.gather(*_KEPT)
    pipes = keeping.take("in/")
    executor.outputs.adopt(pipes)
    executor.outputs.adopt_inputs(keeping.take("plumb/"), keeping.take("to/"))
    executor.listeners.adopt(keeping.take("listen/svc:"))
    items = keeping.take("notify/")
    more = keeping.take("ready/")
    return {**items, **more}


def _exited(manager: Manager, executor: Executor, told: channel.Exit) -> None:
    kept = kept_end(told, executor.contracts)
    executor.reaper.elsewhere(kept.pid, kept.start, kept.end, kept.contract)


def _strays(manager: Manager, executor: Executor, ends: Iterable[KeptEnd]) -> None:
    """Everything that ended while there was no manager has been looked at by now."""
    if any(True for _ in ends):
        executor.emptiness.stray_ended()
