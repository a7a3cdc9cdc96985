"""A definition: what one file or bundle says about one instance, after reading. Frozen data.

Formats write definitions, the engine and the executor read them, nobody changes them. A difference
between formats is a field here, never a format's name elsewhere. All times are seconds (float),
sizes are bytes, signals are numbers.
"""

from __future__ import annotations

from operator import attrgetter

import msgspec

from .digests import digest
from .listening import Activation, Listen
from .words import Condition, Grouping, RestartOn

__all__ = [
    "DELEGATED",
    "LIVE_FIELDS",
    "Context",
    "Definition",
    "Dependency",
    "Health",
    "Limits",
    "LogSettings",
    "Probe",
    "Ready",
    "Restart",
    "Rung",
    "Step",
    "Supervise",
    "changed_fields",
    "restart_digest",
]


class Frozen(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=False):
    """Base of all definition data: immutable, compared by value, unknown keys of a later version
    ignored.
    """


class Context(Frozen, frozen=True):
    """The surroundings of every process of the instance.

    `environment` is added to the place's base environment, after `environment_files` (each
    NAME=VALUE a line; a leading "-" in the path: may be missing). `tokens`: SMF's %-tokens are
    expanded in commands, environment and directory. `capabilities`: what its processes may beyond
    the rights of their user; of root, all that they may. None: nothing is said.
    """

    user: str = ""
    group: str = ""
    supplementary_groups: tuple[str, ...] | None = None
    working_directory: str = ""
    umask: int | None = None
    nice: int | None = None
    oom_score_adj: int | None = None
    environment: dict[str, str] = {}
    environment_files: tuple[str, ...] = ()
    tokens: bool = False
    capabilities: tuple[str, ...] | None = None


class Step(Frozen, frozen=True):
    """One command of a method.

    `argv` is executed as it is. An empty `argv` with `word` ":true" succeeds without a process;
    with ":kill" it sends `signal` to every process of the run's contract (SMF's `:kill`). `timeout`
    None is for ever. `on_fail`: "fail", "ignore" (go on), or "skip" (the start is given up without
    being a failure). `context`: its own surroundings, where they are not those of the instance.
    """

    argv: tuple[str, ...] = ()
    word: str = ""
    signal: int = 15
    timeout: float | None = None
    on_fail: str = "fail"
    context: Context | None = None


class Probe(Frozen, frozen=True):
    """One look from outside: kind "exec", "http", "tcp", "unix", "file".

    `argv` for exec (exit 0 is good); `target` is a URL, "HOST:PORT" or a path. Times in seconds.
    """

    kind: str
    argv: tuple[str, ...] = ()
    target: str = ""
    interval: float = 0.25
    timeout: float = 5.0


class Ready(Frozen, frozen=True):
    """When a started instance counts as up.

    kind: "spawn" (exec succeeded), "exit" (the start method ended with 0), "notify" (sd_notify
    READY=1), "fd" (a newline on descriptor `fd`, as s6), "probe" (`probe` answers), "pidfile" (the
    start method ended and `path` names a living process of the contract, which becomes main), "log"
    (a line of output matches `pattern`), "delay" (alive for `delay` seconds), "told" (its restarter
    says so: see `Definition.restarter`). `timeout` bounds it all; None is for ever.
    """

    kind: str = "spawn"
    probe: Probe | None = None
    path: str = ""
    pattern: str = ""
    fd: int = 3
    delay: float = 0.0
    timeout: float | None = None
    nothing: int | None = None
    """An exit status of the start method that means: up, and there is nothing to watch."""


class Health(Frozen, frozen=True):
    """A probe repeated while up. `action`: "degrade", "restart" or "none", after `threshold`
    failures in a row.
    """

    name: str
    probe: Probe
    threshold: int = 3
    grace: float = 0.0
    action: str = "degrade"


class Dependency(Frozen, frozen=True):
    """A group of targets that the instance needs.

    Targets are canonical: "svc:/a:default" (instance), "svc:/a" (service), "file:///path",
    "input:NAME". `watch`: file targets are watched rather than only looked at (engine.md 1.9).
    """

    targets: tuple[str, ...]
    grouping: Grouping = Grouping.REQUIRE_ALL
    restart_on: RestartOn = RestartOn.NONE
    condition: Condition = Condition.READY
    watch: bool = True
    name: str = ""


class Rung(Frozen, frozen=True):
    """One rung of the stop ladder: send `signals` to the contract, then wait `wait` seconds (None:
    for ever).
    """

    signals: tuple[int, ...]
    wait: float | None = 10.0


class Restart(Frozen, frozen=True):
    """The decider as a policy: whether and when an instance that ended by itself runs again.

    `when`: always, on-failure, never. The first restart waits 0; later ones `delay`, grown by
    `factor` up to `cap`, with `jitter` as a fraction; the growth is forgotten after `reset_after`
    seconds up. More than `limit` restarts without that: maintenance. `retry_every`: seconds after
    which maintenance by this policy is left by itself. `rate_count`/`rate_period`: SMF's restart
    rate (`rate_average`: average gap as illumos does it, else a window). `failures`: consecutive
    failures of methods before maintenance (0: never). `fatal_exits`: exit codes that mean
    maintenance at once.
    """

    when: str = "always"
    delay: float = 0.1
    factor: float = 2.0
    cap: float = 30.0
    jitter: float = 0.1
    reset_after: float = 60.0
    limit: int | None = None
    retry_every: float | None = None
    rate_count: int = 0
    rate_period: float = 0.0
    rate_average: bool = False
    failures: int = 0
    fatal_exits: tuple[int, ...] = ()
    late_is_final: bool = False
    """A method that does not end in time is not tried again."""


class Limits(Frozen, frozen=True):
    """Resource limits. `rlimits`: name ("nofile") to (soft, hard), -1 unlimited. The others need
    cgroup2 controllers.

    `io`: device (path, or MAJOR:MINOR) to the words of cgroup2's io.max; "weight" to io.weight.
    `missing`: "refuse" or "ignore" when a controller that is asked for does not exist here.
    """

    rlimits: dict[str, tuple[int, int]] = {}
    memory: int | None = None
    memory_high: int | None = None
    cpu: float | None = None
    pids: int | None = None
    io: dict[str, str] = {}
    missing: str = "ignore"


class LogSettings(Frozen, frozen=True):
    """How an instance's output is kept.

    `mode`: "lines" (a time on every line), "plain" (lines as they are, with an index beside),
    "json", "smf" (plain, with the lines of SMF's restarter), "file" (the service writes straight
    into `path`), "passthrough" (to the manager's own output), "service" (the input of the instance
    whose FMRI is `path`), "none" (/dev/null). `size`: bytes of one file; `age`: seconds; `count`:
    files kept; `total`: bytes of all. `stderr`: "together" or "apart". `prefix`: with
    "passthrough", the instance's name stands before each line.
    """

    mode: str = "lines"
    path: str = ""
    size: int = 10_000_000
    age: float | None = None
    count: int = 5
    total: int | None = None
    compress: bool = True
    stderr: str = "together"
    prefix: bool = True


class Supervise(Frozen, frozen=True):
    """A directory that shows an instance as daemontools and its kin do, and takes their commands.

    `form`: the layout of its file `status`: "nosh", "encore", "daemontools", "runit" or "s6".
    """

    path: str
    form: str = "nosh"


class Definition(Frozen, frozen=True):
    """All that is known about one instance before it runs. See engine.md 1.3 for how formats fill
    it.

    `ends`: "main" (with its main process; the rest is swept), "empty" (with its contract), "never"
    (transient: that the start method succeeded is the whole of being up). `interrupt`: a stop
    during prepare or start: "abort" or "finish". `stop_when_empty`: run the stop method although
    nothing is left. `unclean`: a stop that had to kill is "ok" or means "maintenance". `rebegin`: a
    restart begins at "prepare" or "start". `decide` runs after each run: with `decide_by` "program"
    its exit 0 means again and anything else that it is over; with "policy" `restart` decides when
    it has ended, and only one of `fatal_exits` as its exit status says no. `decide_arguments`, how
    the run ended: "cause" (class, name or code, number, core), "code" (exit code or -1, low byte of
    the wait status), "pair" (exit code or 256, signal or 0). `stdin`: "null"; "pipe", what
    others write whose `log` is this; or "inherit", what the place itself was given. `gives`: inputs
    that it tells the manager of; such a watcher runs while the system is not active too. `source`:
    the file it came from; `origins`: key to "file:line" for `cat`. Neither takes part in comparison
    of runs.
    """

    fmri: str
    description: str = ""
    format: str = ""
    source: str = ""
    origins: dict[str, str] = {}
    enabled: bool = True
    model: str = "child"
    prepare: tuple[Step, ...] = ()
    start: tuple[Step, ...] = ()
    stop: tuple[Step, ...] = ()
    refresh: tuple[Step, ...] = ()
    decide: tuple[Step, ...] = ()
    decide_by: str = "program"
    decide_arguments: str = "cause"
    cleanup: tuple[Step, ...] = ()
    ready: Ready = Ready()
    ends: str = "main"
    interrupt: str = "abort"
    stop_when_empty: bool = False
    ladder: tuple[Rung, ...] = (Rung((15,), 10.0),)
    unclean: str = "ok"
    rebegin: str = "prepare"
    restart: Restart = Restart()
    ignore: tuple[str, ...] = ()
    phase_up: str = "spawn"
    essential: bool = False
    dependencies: tuple[Dependency, ...] = ()
    after: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    wants: tuple[str, ...] = ()
    wanted_by: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    part_of: tuple[str, ...] = ()
    required_by: tuple[str, ...] = ()
    health: tuple[Health, ...] = ()
    gives: tuple[str, ...] = ()
    context: Context = Context()
    limits: Limits = Limits()
    log: LogSettings = LogSettings()
    stdin: str = "null"
    listen: tuple[Listen, ...] = ()
    activation: Activation = Activation()
    """When what is to have the sockets is started."""
    supervise: Supervise | None = None
    """The supervise directory that shows it; None is none."""
    later: bool = False
    """A change that needs a new process waits for the next start, as SMF has it."""
    restarter: str = ""
    """The FMRI of the restarter that implements it; "" is the manager itself."""
    fault: str = ""
    """A fault found when it was read (a `dependency_cycle` is found later, by the engine); "" is
    none.
    """


DELEGATED = (":delegated",)
"""The command of a method of which its restarter knows everything, and we nothing."""

LIVE_FIELDS = frozenset(
    {
        "description",
        "format",
        "source",
        "origins",
        "enabled",
        "stop",
        "refresh",
        "decide",
        "decide_by",
        "decide_arguments",
        "cleanup",
        "interrupt",
        "stop_when_empty",
        "ladder",
        "unclean",
        "rebegin",
        "restart",
        "ignore",
        "phase_up",
        "essential",
        "dependencies",
        "after",
        "before",
        "wants",
        "wanted_by",
        "conflicts",
        "part_of",
        "required_by",
        "health",
        "gives",
        "log",
        "fault",
        "supervise",
        "later",
        "prepare",
    }
)
"""Fields that a running instance takes over without a new process. Every other field needs one
(wishes 14).

`log` is live except where the pipe itself changes (`mode` to or from "file", "service" or "none",
`stderr`): see `changed_fields`.
"""

LATER_FIELDS: dict[str, object] = {
    "stdin": "null",
    "listen": (),
    "activation": Activation(),
    "restarter": "",
}
"""Fields, with their defaults, that need a new process and are younger than format 1 of the state.
With its default one of these changes no digest, so that what runs under an older manager goes on
under this one.
"""

_LOG_PIPE = {"file", "none", "service"}
_LEFT_OUT = LIVE_FIELDS | LATER_FIELDS.keys()
_lasting = attrgetter(*(n for n in Definition.__struct_fields__ if n not in _LEFT_OUT))


def changed_fields(old: Definition, new: Definition) -> dict[str, str]:
    """What differs, as {field: "live" or "restart"}; empty when nothing that matters does.

    The parts of `context` and `limits` go by their own names, because those are what people write.
    """
    found: dict[str, str] = {}
    for name in Definition.__struct_fields__:
        before, after = getattr(old, name), getattr(new, name)
        if before == after or name in ("source", "origins"):
            continue
        effect = "live" if name in LIVE_FIELDS else "restart"
        parts = before.__struct_fields__ if isinstance(before, Context | Limits) else ()
        differing = [part for part in parts if getattr(before, part) != getattr(after, part)]
        found.update(dict.fromkeys(differing or [name], effect))
    if "log" in found and _pipe(old.log) != _pipe(new.log):
        found["log"] = "restart"
    return found


def _pipe(log: LogSettings) -> tuple[str, str]:
    kind = log.mode if log.mode in _LOG_PIPE else "pipe"
    return (kind + log.path if kind in ("file", "service") else kind, log.stderr)


def restart_digest(definition: Definition) -> str:
    """A short digest of the fields that need a new process. Equal digests: the running process may
    stay.
    """
    parts = [*_lasting(definition), _pipe(definition.log)]
    later = {
        n: value for n, old in LATER_FIELDS.items() if (value := getattr(definition, n)) != old
    }
    if later:
        parts.append(later)
    return digest(msgspec.json.encode(parts, order="sorted"), 8)
