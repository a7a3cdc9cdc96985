"""Properties of a service and its instance → a definition that behaves as SMF says (smf_method(7),
svc.startd(8); illumos where releases differ).

The scalar fields go through the table of `stoker.model` (`put`); here is what several properties
decide together: how a model of running is started, watched and stopped, the restart rate, the
context of each method. Tokens for properties (%{group/property}) are expanded here, because what
counts is the configuration that is compiled; the others (%m, %i …) where the command is run.

What Linux does not have is accepted and shown: projects, resource pools, security flags, profiles
of exec_attr(5). Privileges become capabilities where that is honest (`privileges`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import msgspec

from stoker.errors import UsageError
from stoker.model import (
    MASTER,
    Context,
    Definition,
    Dependency,
    Group,
    Grouping,
    LogSettings,
    Ready,
    Restart,
    RestartOn,
    Rung,
    Step,
    canonical,
    put,
    read_step,
)

from .inetd import (
    INETD,
    INETD_DEFAULTS,
    Unserved,
    inherited,
    served,
    tried_again,
    without_program,
)
from .manifest_context import Doubt, surroundings_of
from .manifest_read import file_target
from .services import Dependent

__all__ = ["NODAEMON", "RATE", "compose_definition", "dependency_of"]

RATE = (5, 600.0)
NODAEMON = 94  # SMF_EXIT_NODAEMON
FATAL = (95, 96, 99, 100)  # SMF_EXIT_ERR_FATAL, _CONFIG, _NOSMF, _PERM
FAILURES = 3
_OURS = ("general", "startd", "method_context")
_TOKEN = re.compile(r"%(?:\{([^}]*)\}|(.?))", re.DOTALL)
_METHOD_TOKEN = re.compile(r"(?<!%)((?:%%)*)%m")
_SPECIAL = re.compile(r"([\s;&()|^<>\\\"'`$*?\[\]~=#{}!])")
_SOLARIS_SIGNALS = frozenset(
    ("THAW", "FREEZE", "WAITING", "LWP", "CANCEL", "LOST", "XRES", "JVM1", "JVM2", "INFO", "EMT")
)
_RUNNING = {"contract": "$STOKER_CTID", "start_pid": "$MAINPID"}
"""Properties of the run itself: what its methods find them in."""
_DEFAULT = Definition("")


def compose_definition(
    fmri: str,
    groups: Mapping[str, Group],
    *,
    source: str = "",
    log: LogSettings | None = None,
    exists: Callable[[str], bool] = lambda _path: True,
    doubt: Doubt = lambda *_what: None,
    defaults: Mapping[str, str] = INETD_DEFAULTS,
) -> Definition:
    """The definition of one instance by what is composed for it. `defaults`: inetd's."""
    made = _Composer(fmri, groups, exists, doubt)
    definition = made.build()
    if definition.restarter == INETD:
        definition = made.delegated(definition, defaults)
    kept = log or _DEFAULT.log
    if kept.mode == _DEFAULT.log.mode:
        kept = msgspec.structs.replace(kept, mode="smf")
    return msgspec.structs.replace(definition, format="manifest", source=source, log=kept)


def dependency_of(one: Dependent, owner: str) -> Dependency:
    """What a `dependent` puts upon its target: a dependency on `owner`."""
    return Dependency((owner,), Grouping(one.grouping), RestartOn(one.restart_on), name=one.name)


class _Composer:
    def __init__(
        self,
        fmri: str,
        groups: Mapping[str, Group],
        exists: Callable[[str], bool],
        doubt: Doubt,
    ) -> None:
        self.fmri = fmri
        self.groups = groups
        self.exists = exists
        self.doubt = doubt
        self.fault = ""
        self.tokens = False

    def one(self, group: str, name: str, default: str = "") -> str:
        """The only value of a property."""
        known = self.groups.get(group)
        prop = known.properties.get(name) if known is not None else None
        return prop.values[0] if prop is not None and prop.values else default

    def build(self) -> Definition:
        if self.fmri == INETD:
            self.groups = without_program(self.groups)
        model = self.one("startd", "duration", "contract")
        model = model if model in ("transient", "child") else "contract"
        steps = {name: self.method(name, model) for name in ("start", "stop", "refresh")}
        start, stop = steps["start"], steps["stop"]
        restarter = self.restarter()
        context = start.context if start and start.context else self.context("start")
        for name, step in steps.items():
            if step is not None:
                same = step.context == context or not step.argv
                own = None if same else step.context
                steps[name] = msgspec.structs.replace(step, context=own)
        # A start method that is no process leaves nothing behind that could end.
        process = start is not None and bool(start.argv)
        ends = {"contract": "empty", "transient": "never", "child": "main"}[model]
        base = Definition(
            self.fmri,
            enabled=self.one("general", "enabled") == "true",
            model=model,
            start=_tuple(steps["start"]),
            stop=_tuple(steps["stop"]),
            refresh=_tuple(steps["refresh"]),
            ready=Ready("spawn") if model == "child" else Ready("exit", nothing=NODAEMON),
            ends=ends if process else "never",
            interrupt="finish",
            stop_when_empty=model == "contract" and process,
            ladder=self.ladder(model, stop),
            unclean="ok" if model == "transient" or stop is None else "maintenance",
            restart=self.rate(model),
            dependencies=self.dependencies(),
            context=context,
            later=True,
            restarter=restarter,
            fault=self.fault,
        )
        return self.scalars(base)

    def scalars(self, base: Definition) -> Definition:
        """What the table of fields alone decides."""
        rest: dict[str, Group] = {}
        for name, group in self.groups.items():
            if group.type in ("method", "dependency") or name == "method_context":
                continue
            properties = group.properties
            if name in _OURS:
                properties = {n: p for n, p in properties.items() if n == "ignore_error"}
            rest[name] = Group(group.type, properties)
        try:
            return put(base, rest)
        except UsageError as wrong:
            where, _, text = wrong.message.partition(": ")
            which, _, prop = where.partition("/")
            self.doubt(which, prop, text, wrong.hint)
            return msgspec.structs.replace(base, fault="bad_repo_state")

    def delegated(self, base: Definition, defaults: Mapping[str, str]) -> Definition:
        """An instance of inetd's: its sockets are waited at, and its program is started then."""
        needs = Dependency((INETD,), restart_on=RestartOn.RESTART, name="restarter")
        fault = base.fault
        base = msgspec.structs.replace(base, dependencies=(*base.dependencies, needs))
        try:
            listen, activation = served(self.groups.get("inetd", Group("framework")), defaults)
            if "inetd_start" not in self.groups:
                raise Unserved("", "there is no method inetd_start")
        except Unserved as wrong:
            self.doubt("inetd", wrong.name, wrong.message, wrong.hint)
            return msgspec.structs.replace(base, fault=fault or "invalid_restarter")
        start, stop = self.method("inetd_start", "child"), self.ending()
        context = self.context("inetd_start")
        surroundings = {"SMF_METHOD": "inetd_start", "SMF_RESTARTER": INETD}
        group = self.groups["inetd"]
        environment = inherited(group, defaults) | context.environment | surroundings
        context = msgspec.structs.replace(context, environment=environment)
        if start is not None:
            argv = tuple(_METHOD_TOKEN.sub(r"\1inetd_start", word) for word in start.argv)
            start = msgspec.structs.replace(start, argv=argv, context=None, timeout=None)
        return msgspec.structs.replace(
            base,
            model="child",
            start=_tuple(start),
            stop=_tuple(stop),
            refresh=(),
            ready=Ready("spawn"),
            ends="main",
            stop_when_empty=False,
            ladder=_DEFAULT.ladder,
            unclean="ok",
            restart=tried_again(self.rate("child"), group, defaults),
            context=context,
            listen=listen,
            activation=activation,
            later=False,
            fault=fault,
        )

    def ending(self) -> Step | None:
        """What inetd runs when it stops serving; signals need no method."""
        text = self.one("inetd_disable", "exec") or self.one("inetd_offline", "exec")
        name = "inetd_disable" if self.one("inetd_disable", "exec") else "inetd_offline"
        return None if not text or text.startswith(":") else self.method(name, "child")

    # -- methods

    def method(self, name: str, model: str) -> Step | None:
        """The step of a method; None when there is none, which counts as success."""
        text = self.one(name, "exec").strip()
        if not text:
            return None
        timeout = _seconds(self.one(name, "timeout_seconds"))
        if name == "start" and model == "child":
            timeout = None  # it is the service itself
        try:
            step = self.step(name, text, timeout)
        except UsageError as wrong:
            self.doubt(name, "exec", wrong.message, wrong.hint)
            return _misconfigured(f"{name}: {wrong.message}")
        if not step.argv:
            if step.word == ":kill" and (name == "start" or model == "transient"):
                what = "a transient service" if model == "transient" else "start"
                self.doubt(name, "exec", f":kill has nothing to signal in {what}", "")
                return _misconfigured(f"{name}: :kill is not for {what}")
            return step
        self.look(name, text)
        return msgspec.structs.replace(step, context=self.context(name))

    def step(self, name: str, text: str, timeout: float | None) -> Step:
        signal = text.removeprefix(":kill").strip().removeprefix("-").removeprefix("SIG")
        if text.startswith(":kill") and signal.upper() in _SOLARIS_SIGNALS:
            message = f"there is no signal {signal} on Linux: the method does nothing"
            self.doubt(name, "exec", message, ":kill -HUP, perhaps")
            return Step(word=":true", timeout=timeout)
        if text.startswith(":"):
            return read_step(text, timeout)
        return read_step(self.expand(text), timeout)

    def expand(self, text: str) -> str:
        """Expand %{…}; leave the other tokens to the moment of running. Raises UsageError."""

        def token(found: re.Match[str]) -> str:
            self.tokens = True
            if found[1] is None:
                if found[2] not in tuple("%rsifm"):
                    raise UsageError(
                        f"unknown token %{found[2]}", hint="a percent sign is written %%"
                    )
                return found[0]
            return self.value(found[1]).replace("%", "%%")

        return _TOKEN.sub(token, text)

    def value(self, text: str) -> str:
        """The values of the property that a %{…} names, quoted for the shell."""
        glue = text[-1] if text.endswith((",", ":")) else " "
        name = text.rstrip(",:") if glue != " " else text
        if "/:properties/" in name:
            name = name.partition("/:properties/")[2]
        group, slash, prop = name.partition("/")
        if not slash:
            group, prop = "application", name
        if group == "restarter" and prop in _RUNNING:
            return _RUNNING[prop]
        known = self.groups.get(group)
        found = known.properties.get(prop) if known is not None else None
        if found is None:
            raise UsageError(f"%{{{text}}}: there is no property {group}/{prop}")
        return glue.join(_SPECIAL.sub(r"\\\1", value) for value in found.values)

    def look(self, name: str, text: str) -> None:
        """A program that is not there does not keep anything from being imported; it is said."""
        program = text.split(None, 1)[0]
        if program.startswith("/") and "%" not in program and not self.exists(program):
            hint = "is it installed? there are paths that only Solaris has"
            self.doubt(name, "exec", f"there is no {program[:200]} here", hint)

    def context(self, method: str) -> Context:
        """The surroundings of a method."""
        return surroundings_of(self.groups, method, self.doubt)

    # -- stopping and restarting

    def ladder(self, model: str, stop: Step | None) -> tuple[Rung, ...]:
        """After the stop method the rest of its time; then KILL (smf_method(7))."""
        if stop is None or model == "transient":
            return _DEFAULT.ladder
        return (Rung((), stop.timeout),)

    def rate(self, model: str) -> Restart:
        final = self.one("startd", "timeout_retry") == "false"
        if model == "child":
            # At once after a good end, throttled to one a second, never maintenance but for 96.
            return Restart(
                delay=1.0, factor=1.0, cap=1.0, jitter=0.0, reset_after=1.0, failures=FAILURES,
                fatal_exits=(96,), late_is_final=final,
            )  # fmt: skip
        count, period = RATE
        own = (self.one("startd", "critical_failure_count"),
               self.one("startd", "critical_failure_period"))  # fmt: skip
        if all(own):
            count, period = int(own[0]), float(own[1])
        return Restart(
            delay=0.0,
            jitter=0.0,
            failures=FAILURES,
            fatal_exits=FATAL,
            rate_count=count,
            rate_period=period,
            rate_average=True,
            late_is_final=final,
        )

    # -- relations

    def dependencies(self) -> tuple[Dependency, ...]:
        found = []
        for name, group in self.groups.items():
            if group.type != "dependency" or not group.properties:
                continue
            one = self.dependency(name)
            if one is not None:
                found.append(one)
        return tuple(found)

    def dependency(self, name: str) -> Dependency | None:
        """One group of targets; None when it has none, which is satisfied."""
        properties = self.groups[name].properties
        try:
            grouping = Grouping(self.one(name, "grouping"))
            restart_on = RestartOn(self.one(name, "restart_on"))
            kind = self.one(name, "type")
            if "entities" not in properties:
                raise ValueError("it has no entities")
            targets = tuple(_entity(text, kind) for text in properties["entities"].values)
        except (ValueError, UsageError) as wrong:
            self.doubt(name, "", f"is no usable dependency: {wrong}", "")
            self.fault = "invalid_dependency"
            return None
        watch = self.one(name, "watch", "true") == "true"
        if not targets:
            return None
        return Dependency(targets, grouping, restart_on, watch=watch, name=name)

    def restarter(self) -> str:
        """The restarter, "" when it is the manager."""
        text = self.one("general", "restarter")
        try:
            name = canonical(text) if text else MASTER
        except UsageError as wrong:
            self.doubt("general", "restarter", wrong.message, wrong.hint)
            self.fault = "invalid_restarter"
            return text
        return "" if name == MASTER else name


def _entity(text: str, kind: str) -> str:
    if kind == "path":
        found = file_target(text)
        if found is None:
            raise UsageError(f"{text[:80]!r} names no file")
        return found
    if kind != "service" or not text.startswith("svc:/") or "/:properties/" in text:
        raise UsageError(f"{text[:80]!r} is not of type {kind}")
    return canonical(text, "")


def _tuple(step: Step | None) -> tuple[Step, ...]:
    return () if step is None else (step,)


def _seconds(text: str) -> float | None:
    number = int(text) if text else 0
    return None if number in (0, 2**64 - 1) else float(number)


def _misconfigured(why: str) -> Step:
    """A method that cannot be run says why in the instance's log, and leaves it in maintenance."""
    return Step(("/bin/sh", "-c", 'echo "$0" >&2; exit 96', why.replace("%", "%%")))
