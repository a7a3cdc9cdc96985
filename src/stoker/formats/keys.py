"""The one table of keys: reading, mistakes, JSON Schema, reference and `stoker new` are driven by
it.

What a key comes to in a `Definition` is decided in `native`; here stands what may be written, what
it means, and whether a running service needs a new process for it.
"""

from __future__ import annotations

from typing import Any

from stoker.model import (
    Activation,
    Condition,
    Grouping,
    Listen,
    LogSettings,
    Restart,
    RestartOn,
    show_duration,
)

from .address_values import Address, Listening, Url
from .kinds import Choice, Duration, Flag, Number, Size, Strings, Text, Whole, Words
from .limit_values import Processors, Resource, Throttles
from .tables import Each, Instances, Key, Many, Table
from .values import (
    Account,
    Accounts,
    Capabilities,
    Command,
    Environment,
    FilePath,
    Inputs,
    Instance,
    Ladder,
    Octal,
    Pattern,
    Signals,
    Statuses,
    Targets,
)

__all__ = ["DEFINITION", "DEPENDENCY", "HEALTH", "LIMITS", "LOG", "READY", "RESTART", "RLIMITS"]


def _enum(words: Any) -> tuple[str, ...]:
    return tuple(str(word) for word in words)


_restart, _log, _activation, _listen = Restart(), LogSettings(), Activation(), Listen("")

_LOOK = (
    Key("exec", Command(False), "a command that exits with 0 when all is well"),
    Key("http", Url(), "a URL that answers with a status from 200 to 399"),
    Key("tcp", Address(), '"HOST:PORT" that accepts a connection'),
    Key("unix", FilePath(), "a stream socket that accepts a connection"),
    Key("file", FilePath(), "a file that exists"),
)

DEPENDENCY = Table(
    Key("targets", Targets(wide=True), "services, instances, file:///path, input:NAME",
        required=True),
    Key("grouping", Choice(*_enum(Grouping), what="grouping", convert=Grouping),
        "how the targets count together, as SMF (smf(7))", '"require_all"'),
    Key("restart_on", Choice(*_enum(RestartOn), what="restart_on", convert=RestartOn),
        "which departures of a target restart this service too", '"none"'),
    Key("condition", Choice(*_enum(Condition), what="condition", convert=Condition),
        "what is waited for in a target", '"ready"'),
    Key("watch", Flag(), "a file target is watched, and not only looked at", "true"),
    Key("name", Text(), "what the dependency is called in listings"),
    name="dependency", merges=False,
)  # fmt: skip

READY = Table(
    Key("notify", Flag(), "the service says READY=1 itself (sd_notify(3))"),
    Key("fd", Whole(3, 1023), "the service writes a newline to this descriptor, as s6 has it"),
    *_LOOK,
    Key("pidfile", FilePath(),
        "a file with the pid of the daemon, once the start command has ended"),
    Key("log", Pattern(), "a line of output that matches this regular expression"),
    Key("exit", Flag(), "the start command ended with 0"),
    Key("delay", Duration(), "still running after this time"),
    Key("interval", Duration(0.01), "time between two looks", '"250ms"'),
    Key("timeout", Duration(0.01),
        "longest time of one look; of the whole wait where nothing is looked at",
        '"5s"'),
    name="ready", merges=False,
)  # fmt: skip

HEALTH = Table(
    Key("name", Text(), "what the probe is called", '"health"'),
    *_LOOK,
    Key("interval", Duration(0.01), "time between two looks", '"10s"'),
    Key("timeout", Duration(0.01), "longest time of one look", '"5s"'),
    Key("threshold", Whole(1, 1000), "failures in a row that count", "3"),
    Key("grace", Duration(), "time after the start in which failures do not count", '"0s"',
        also="start_grace"),
    Key("action", Choice("degrade", "restart", "none", what="action"),
        "what failing means: shown as degraded, restarted, or only told", '"degrade"'),
    name="health", merges=False,
)  # fmt: skip

RESTART = Table(
    Key("when", Choice("always", "on-failure", "never", what="when"),
        "after which ends it runs again",
        f'"{_restart.when}"'),
    Key("delay", Duration(), "wait before the second restart in a row; the first waits for nothing",
        f'"{show_duration(_restart.delay)}"'),
    Key("factor", Number(1, 1000), "growth of the wait", f"{_restart.factor:g}"),
    Key("cap", Duration(), "longest wait", f'"{show_duration(_restart.cap)}"'),
    Key("jitter", Number(0, 1), "part of the wait that is left to chance", f"{_restart.jitter:g}"),
    Key("reset_after", Duration(), "time up after which it all begins anew",
        f'"{show_duration(_restart.reset_after)}"'),
    Key("limit", Whole(0, 1_000_000), "restarts without a healthy time before maintenance", "none"),
    Key("retry_every", Duration(0.01), "maintenance is left by itself after this time", "never"),
    Key("failures", Whole(0, 1_000_000),
        "failures of its commands in a row that mean maintenance; 0 for any number",
        f"{_restart.failures}"),
    Key("fatal_exits", Statuses(), "exit statuses that mean maintenance at once", "[]"),
    Key("rate_count", Whole(0, 1_000_000),
        "starts within rate_period that mean maintenance, as SMF counts them; 0 for any number",
        f"{_restart.rate_count}"),
    Key("rate_period", Duration(), "the time in which they are counted",
        f'"{show_duration(_restart.rate_period)}"'),
    Key("rate_average", Flag(), "rate_period is how long there is between two of them on average, "
        "as illumos has it", "false"),
    name="restart",
)  # fmt: skip

RLIMITS = {
    "as": ("size", "address space"), "core": ("size", "core file"), "data": ("size",
        "data segment"),
    "fsize": ("size", "size of a file"), "memlock": ("size", "locked memory"), "stack": ("size",
        "stack"),
    "rss": ("size", "resident memory (without effect on Linux)"), "msgqueue": ("size",
        "message queues"),
    "nofile": ("", "open files"), "nproc": ("", "processes of the user"),
    "nice": ("", "nice ceiling"), "rtprio": ("", "real-time priority"),
    "rttime": ("", "microseconds of real-time processor use"), "sigpending": ("", "queued signals"),
    "cpu_time": ("", "seconds of processor time"),
}  # fmt: skip
"""Resource limits of setrlimit(2), by the names that a file uses; `cpu_time` is RLIMIT_CPU."""

LIMITS = Table(
    Key("memory", Size(4096), "memory of all its processes (memory.max)"),
    Key("memory_high", Size(4096), "memory above which it is slowed down (memory.high)"),
    Key("cpu", Processors(), "processors it may use (cpu.max)"),
    Key("pids", Whole(1, 4_194_304), "processes and threads (pids.max)"),
    Key("io", Throttles(), 'device to io.max\'s words: "/dev/sda" = "rbps=10M", and weight'),
    Key("missing", Choice("refuse", "ignore", what="missing"),
        "what to do where the kernel or our rights do not allow memory, cpu, pids or io",
        '"ignore"'),
    *(Key(name, Resource(unit), f"limit on {what} (RLIMIT_{name.upper().removesuffix('_TIME')})")
      for name, (unit, what) in RLIMITS.items()),
    name="limits",
)  # fmt: skip

LOG = Each(
    Key("mode", Choice("lines", "plain", "json", "smf", "file", "passthrough", "none", what="mode"),
        "lines: each with its time; plain: as they are; json; smf: as they are, with what SMF's "
        "restarter says in brackets between them; file: straight into `path`; "
        "passthrough: to the manager's own output; none: /dev/null", f'"{_log.mode}"'),
    Key("path", FilePath(), "the file for mode file"),
    Key("size", Size(4096), "size of one file", '"10MB"'),
    Key("age", Duration(1), "age at which a file is closed", "none"),
    Key("count", Whole(1, 10_000), "files kept", f"{_log.count}"),
    Key("total", Size(4096), "size of all files", "none"),
    Key("compress", Flag(), "closed files are compressed", "true"),
    Key("stderr", Choice("together", "apart", what="stderr"),
        "standard error is mixed into the output, or kept apart", f'"{_log.stderr}"'),
    Key("prefix", Flag(), "with passthrough: the service's name stands before each line", "true"),
    name="log",
)  # fmt: skip

LISTEN = Table(
    Key("address", Listening(),
        '"HOST:PORT" with a numeric host (":PORT" is every address), a path, or "@NAME"',
        required=True),
    Key("type", Choice("stream", "datagram", "seqpacket", what="type"), "its kind",
        f'"{_listen.type}"'),
    Key("name", Text(), "what it is called in LISTEN_FDNAMES", "the service's name"),
    Key("mode", Octal(), "mode of a path", f'"{_listen.mode:04o}"'),
    Key("user", Account(), "owner of a path", "user"),
    Key("group", Account(), "group of a path", "group"),
    Key("backlog", Whole(1, 65535), "connections that wait to be taken", f"{_listen.backlog}"),
    Key("keepalive", Flag(), "connections that are silent for long are looked after", "false"),
    name="listen", merges=False,
)  # fmt: skip

ACTIVATION = Each(
    Key("when", Choice("start", "first", "each", "wait", what="when"),
        "start: with the service; first: at the first connection or datagram; each: a process for "
        "every connection, as inetd's nowait; wait: one process at a time with the socket as its "
        "input, as inetd's wait", f'"{_activation.when}"'),
    Key("copies", Whole(0, 100_000), "most processes at once (each); 0 for any number",
        f"{_activation.copies}"),
    Key("rate", Whole(0, 1_000_000), "connections a second that are too many (each); 0 for any",
        f"{_activation.rate}"),
    Key("pause", Duration(0.01), "time for which none are taken then",
        f'"{show_duration(_activation.pause)}"'),
    Key("failures", Whole(0, 1_000_000), "starts that are too many (wait); 0 for any",
        f"{_activation.failures}"),
    Key("within", Duration(0.01), "time in which they are counted",
        f'"{show_duration(_activation.within)}"'),
    Key("stderr", Choice("log", "socket", what="stderr"),
        "where standard error goes (each, wait)", f'"{_activation.stderr}"'),
    Key("trace", Flag(), "every connection is told in the log (each)", "false"),
    name="activation",
)  # fmt: skip

_SURROUNDINGS = (
    Key("user", Account(), "user it runs as", "the manager's", "context"),
    Key("group", Account(), "group it runs as", "the user's", "context"),
    Key("supplementary_groups", Accounts(), "further groups", "the user's", "context"),
    Key("working_directory", FilePath(), "directory it runs in", "the place's", "context"),
    Key("umask", Octal(), "file mode mask", "inherited", "context"),
    Key("nice", Whole(-20, 19), "scheduling priority", "inherited", "context"),
    Key(
        "oom_score_adj",
        Whole(-1000, 1000),
        "how likely the kernel ends it when memory is short",
        "inherited",
        "context",
    ),
    Key(
        "capabilities",
        Capabilities(),
        "what it may beyond its user's rights (capabilities(7)); of root, all that it may",
        "the user's",
        "context",
    ),
    Key(
        "environment", Environment(), "variables added to the place's environment", field="context"
    ),
    Key(
        "environment_files",
        Strings(),
        'files of NAME=VALUE lines; "-" in front: may be missing',
        field="context",
    ),
)

_CONTEXT = Table(*_SURROUNDINGS, name="context")

CONTEXTS = Table(
    *(
        Key(name, _CONTEXT, f"of {name}: where they are not the service's", field=field)
        for name, field in (
            ("exec_start_pre", "prepare"),
            ("exec_stop", "stop"),
            ("exec_stop_post", "cleanup"),
            ("exec_refresh", "refresh"),
        )
    ),
    name="contexts",
)

DEFINITION = Table(
    Key("id", Text(), "name of the service; may contain slashes", "the file's name"),
    Key("description", Text(), "one line for people", '""', "description"),
    Key("enabled", Flag(), "started unless an administrator decides otherwise", "true", "enabled"),
    Key("model", Choice("child", "contract", "transient", what="model"),
        "child: the command is the service; contract: it leaves daemons behind; transient: it "
        "does its work and ends", '"child"', "model"),
    Key("exec_start", Command(), "the command of the service", field="start"),
    Key("exec_start_pre", Command(), "run before it; if it fails, the service is not started",
        field="prepare"),
    Key("exec_start_pre_timeout", Duration(0.01),
        "longest time for it; then it is killed and has failed",
        '"10s"', "prepare"),
    Key("start_timeout", Duration(0.01, never=True), "longest time until it is ready, or \"never\"",
        '"30s", none where it is up once executed', "ready"),
    Key("exec_stop", Command(), "asks the service to stop; signals follow if it does not",
        field="stop"),
    Key("exec_stop_timeout", Duration(0.01), "longest time for exec_stop", "shutdown_timeout",
        "stop"),
    Key("exec_stop_post", Command(), "run when all its processes are gone", field="cleanup"),
    Key("exec_stop_post_timeout", Duration(0.01), "longest time for exec_stop_post", '"10s"',
        "cleanup"),
    Key("exec_refresh", Command(), "makes the running service read its configuration again",
        field="refresh"),
    Key("exec_refresh_timeout", Duration(0.01), "longest time for exec_refresh", '"30s"',
        "refresh"),
    Key("shutdown_timeout", Duration(), "time to wait for the service to stop; then it is killed",
        '"10s"', "ladder"),
    Key("stop_signal", Signals(), "the signal that asks it to stop; a list is sent together",
        '"TERM"', "ladder"),
    Key("stop_ladder", Ladder(),
        'a longer way down, for instance ["INT 5s", "TERM 10s"]; KILL is always last',
        "stop_signal, shutdown_timeout", "ladder"),
    *_SURROUNDINGS,
    Key("stdin", Choice("null", "inherit", what="input"),
        "what it reads: nothing, or with `stoker run` what that was given", '"null"', "stdin"),
    Key("tokens", Flag(),
        "SMF's %-tokens are expanded in commands, environment and working_directory", "false",
        "context"),
    Key("ignore", Words("core", "signal", what="kind of death"),
        "deaths of single processes that are no fault of the service", "[]", "ignore"),
    Key("essential", Flag(), "when it ends for good, everything is taken down", "false",
        "essential"),
    Key("system_dependencies", Words("TIME", "MOUNTS", "NETWORK", what="system dependency"),
        "conditions of the machine that it needs", "[]", "dependencies"),
    Key("gives", Inputs(), "conditions that it tells the manager of: it is their watcher", "[]",
        "gives"),
    Key("after", Targets(), "is started after these, where both are", "[]", "after"),
    Key("before", Targets(), "is started before these, where both are", "[]", "before"),
    Key("wants", Targets(), "are started along with it", "[]", "wants"),
    Key("wanted_by", Targets(), "it is started along with these", "[]", "wanted_by"),
    Key("conflicts", Targets(), "are stopped when it is started", "[]", "conflicts"),
    Key("part_of", Targets(), "whoever stops or restarts these does so with it, too", "[]",
        "part_of"),
    Key("restarter", Instance(), "who runs it: another instance, which is a restarter",
        "the manager", "restarter"),
    Key("listen", Many(LISTEN), "sockets that are opened for it and outlive its restarts, each a "
        "[[listen]]", field="listen"),
    Key("activation", ACTIVATION, "when what has the sockets is started; a word alone may stand "
        "for the table", field="activation"),
    Key("dependency", Many(DEPENDENCY), "what it needs, each group a [[dependency]]",
        field="dependencies"),
    Key("ready", READY, "when it counts as up: one key named for its kind", "up once executed",
        "ready"),
    Key("health", Many(HEALTH, single=True), "a look from outside, repeated while it is up",
        field="health"),
    Key("restart", RESTART, "whether and when it runs again", field="restart"),
    Key("contexts", CONTEXTS, "surroundings of one command, [contexts.exec_stop] say: user, "
        "directory, variables …"),
    Key("limits", LIMITS, "resource limits", field="limits"),
    Key("log", LOG, "how its output is kept; a mode alone may stand for the table", field="log"),
    Key("instances", Instances(), "[instances.NAME]: several instances, each overriding any key"),
)  # fmt: skip
"""Everything that may stand in NAME.toml."""
