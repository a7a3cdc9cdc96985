"""Builds one instance's definition from what a native file says for the service and for the
instance.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from stoker.model import (
    Activation,
    Context,
    Definition,
    Dependency,
    Grouping,
    Health,
    Limits,
    Listen,
    LogSettings,
    Probe,
    Ready,
    Restart,
    RestartOn,
    Rung,
    Step,
)

from .contexts import context_of
from .entry import Surroundings, readable
from .keys import DEFINITION, RLIMITS
from .kinds import BAD
from .positions import Path
from .toml import Toml, dotted

__all__ = ["Builder"]

_LOOKS = ("exec", "http", "tcp", "unix", "file")
_READIES = ("notify", "fd", *_LOOKS, "pidfile", "log", "exit", "delay")
_COMMANDS = ("exec_start", "exec_start_pre", "exec_stop", "exec_refresh", "exec_stop_post")
_DEFAULT = Definition("")  # its parts are shared by all definitions that do not differ from them
_UNSPEAKABLE = re.compile("[:\x00-\x1f\x7f]")
_TOKEN = re.compile(r"%(\{[^}]*\}|.?)", re.DOTALL)


class Builder:
    """Makes one instance's definition; what does not fit together is told at the key where it
    stands.
    """

    def __init__(
        self,
        file: Toml,
        name: str,
        instance: str,
        base: dict[str, Any],
        override: dict[str, Any],
        surroundings: Surroundings,
    ) -> None:
        self.file = file
        self.name = name
        self.instance = instance
        self.override = override
        self.base = base
        self.around = surroundings
        self.values = dict(base)
        for key, value in override.items():
            old = base.get(key)
            if (
                DEFINITION.keys[key].kind.merges
                and isinstance(old, dict)
                and isinstance(value, dict)
            ):
                self.values[key] = old | value
            else:
                self.values[key] = value

    def references(self) -> Iterator[tuple[str, Path]]:
        """Every service that is named as a target, and where."""
        for key in ("after", "before", "wants", "wanted_by", "conflicts", "part_of"):
            for at, target in enumerate(self.get(key, ())):
                yield target, self.where(key, at)
        for at, told in enumerate(self.get("dependency", ())):
            for n, target in enumerate(told["targets"]):
                if target.startswith("svc:"):
                    yield target, self.where("dependency", at, "targets", n)

    # -- reading what was read

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key; `default` when it is not there, or wrong (which was told)."""
        value = self.values.get(key, BAD)
        return default if value is BAD else value

    def where(self, key: str, *below: str | int) -> Path:
        """The path in the file that the value of `key` comes from."""
        if self.instance and key in self.override:
            inner = self.override[key]
            if not below or not isinstance(inner, dict) or below[0] in inner:
                return ("instances", self.instance, key, *below)
        return (key, *below)

    def wrong(self, message: str, hint: str, key: str, *below: str | int) -> None:
        self.file.hear(self.where(key, *below), message, hint)

    # -- building

    def build(self) -> Definition:
        model = self.get("model", "child")
        self.check_start()
        self.check_tokens()
        context = self.context()
        return Definition(
            fmri=self.name,
            description=self.get("description", ""),
            format="toml",
            source=self.file.path,
            origins=self.origins(),
            enabled=self.get("enabled", True),
            model=model,
            prepare=self.step("exec_start_pre", self.get("exec_start_pre_timeout", 10.0)),
            start=self.step("exec_start", None),
            stop=self.step("exec_stop", self.stop_timeout(), "ignore"),
            refresh=self.step("exec_refresh", self.get("exec_refresh_timeout", 30.0)),
            cleanup=self.step("exec_stop_post", self.get("exec_stop_post_timeout", 10.0), "ignore"),
            ready=self.ready(model),
            ends={"child": "main", "contract": "empty", "transient": "never"}[model],
            ladder=self.ladder(),
            restart=self.restart(),
            ignore=self.get("ignore", ()),
            essential=self.get("essential", False),
            dependencies=self.dependencies(),
            after=self.get("after", ()),
            before=self.get("before", ()),
            wants=self.get("wants", ()),
            wanted_by=self.get("wanted_by", ()),
            conflicts=self.get("conflicts", ()),
            part_of=self.get("part_of", ()),
            health=self.health(),
            gives=self.get("gives", ()),
            context=context,
            listen=self.listen(),
            activation=self.activation(),
            limits=self.limits(),
            log=self.log(),
            stdin=self.get("stdin", "null"),
            restarter=self.get("restarter", ""),
        )

    def check_start(self) -> None:
        if "exec_start" not in self.values:
            # Where no instance has one, it is the service's that is missing: told once.
            told = (self.file.data or {}).get("instances")
            others = told.values() if isinstance(told, dict) else ()
            own = any(isinstance(one, dict) and "exec_start" in one for one in others)
            self.file.hear(
                ("instances", self.instance) if own else (),
                '"exec_start" is missing',
                'write exec_start = ["program", "argument"]',
            )
        for key in _COMMANDS:
            argv = self.get(key, ((),))[0]
            program = argv[0] if argv else ""
            if program.startswith("/") and "%" not in program and not self.around.exists(program):
                self.file.hear(
                    self.where(key), f"there is no {program[:200]}", "is it installed?", "warning"
                )

    def check_tokens(self) -> None:
        """With tokens on, SMF's rule: an unknown one fails the method (smf_method(7)); found here
        already.
        """
        if not self.get("tokens", False):
            return
        texts = [(key, arg) for key in _COMMANDS for arg in self.get(key, ((),))[0]]
        texts += [("environment", text) for text in self.get("environment", {}).values()]
        texts += [("working_directory", self.get("working_directory", ""))]
        for key, text in texts:
            for token in _TOKEN.findall(text):
                if token[:1] not in tuple("%rsifm{"):
                    self.wrong(f'unknown token "%{token}"', "a percent sign is written %%", key)

    def step(self, key: str, timeout: float | None, on_fail: str = "fail") -> tuple[Step, ...]:
        own = self.own(key, self.context())
        command = self.get(key)
        if command is None:
            return ()
        argv, word, number = command
        return (Step(argv, word, number, timeout, on_fail, own),)

    def stop_timeout(self) -> float | None:
        found: float | None = self.get("exec_stop_timeout", self.get("shutdown_timeout", 10.0))
        return found

    def ladder(self) -> tuple[Rung, ...]:
        rungs: tuple[Rung, ...] | None = self.get("stop_ladder")
        if rungs is not None:
            if "stop_signal" in self.values:
                self.wrong(
                    "stop_signal and stop_ladder exclude each other",
                    "the ladder names its own signals",
                    "stop_signal",
                )
            return rungs
        found = (Rung(self.get("stop_signal", (15,)), self.get("shutdown_timeout", 10.0)),)
        return _DEFAULT.ladder if found == _DEFAULT.ladder else found

    def path(self, text: str) -> str:
        """A relative path is relative to the working directory of the service."""
        if text.startswith("/"):
            return text
        return f"{self.directory()}/{text}"

    def directory(self) -> str:
        told: str = self.get("working_directory", "")
        base = self.around.working_directory.rstrip("/")
        if not told or told == ".":
            return base
        return told.rstrip("/") if told.startswith("/") else f"{base}/{told.rstrip('/')}"

    def context(self) -> Context:
        values = {name: self.get(name) for name in self.values if self.get(name) is not None}
        if values.get("working_directory"):
            values["working_directory"] = self.directory() or "/"
        return self.surroundings(values, Context(tokens=self.get("tokens", False)))

    def surroundings(self, values: dict[str, Any], base: Context) -> Context:
        found = context_of(values, self.path, base)
        return _DEFAULT.context if found == _DEFAULT.context else found

    def own(self, key: str, context: Context) -> Context | None:
        """The surroundings of one command where they are not the instance's."""
        values = (self.get("contexts") or {}).get(key)
        if values is None:
            return None
        if self.get(key) is None:
            self.wrong(f'"{key}" is missing', "it is what this is about", "contexts", key)
        found = self.surroundings(values, context)
        return None if found == context else found

    def ready(self, model: str) -> Ready:
        told = self.get("ready")
        explicit = "start_timeout" in self.values
        timeout = self.get("start_timeout", 30.0)
        if told is None:
            if model == "child":
                return Ready("spawn", timeout=timeout) if explicit else _DEFAULT.ready
            return Ready("exit", timeout=timeout)
        kinds = [kind for kind in _READIES if kind in told]
        if len(kinds) != 1:
            names = " and ".join(kinds) if kinds else "nothing"
            self.wrong(
                f"[ready] needs exactly one kind, and has {names}",
                "one of " + ", ".join(_READIES),
                "ready",
            )
            return Ready()
        kind, value = kinds[0], told[kinds[0]]
        if value is False:
            self.wrong(f'"{kind}" is true or left out', "remove [ready]", "ready", kind)
        if kind in _LOOKS:
            return Ready("probe", probe=self.probe(kind, told, 0.25), timeout=timeout)
        if "interval" in told:
            self.wrong(
                f'"interval" has no meaning with {kind}',
                "nothing is looked at",
                "ready",
                "interval",
            )
        if kind == "delay":
            return Ready("delay", delay=value, timeout=None)
        timeout = told.get("timeout", timeout)
        if kind == "exit" and model == "child":
            self.wrong(
                "a child is up while its command runs; exit waits for its end",
                'add model = "transient" (nothing stays) or "contract" (daemons stay)',
                "ready",
                kind,
            )
        if kind == "pidfile":
            return Ready("pidfile", path=self.path(value), timeout=timeout)
        if kind == "log":
            return Ready("log", pattern=value, timeout=timeout)
        return Ready(kind, fd=value if kind == "fd" else 3, timeout=timeout)

    def probe(self, kind: str, told: dict[str, Any], interval: float) -> Probe:
        value = told[kind]
        argv = value[0] if kind == "exec" else ()
        target = self.path(value) if kind in ("unix", "file") else "" if argv else value
        return Probe(kind, argv, target, told.get("interval", interval), told.get("timeout", 5.0))

    def health(self) -> tuple[Health, ...]:
        found, names = [], set()
        for at, told in enumerate(self.get("health", ())):
            kinds = [kind for kind in _LOOKS if kind in told]
            # One table alone, [health], has no index in the file.
            single = isinstance(self.raw("health"), dict)
            below = () if single else (at,)
            if len(kinds) != 1:
                self.wrong(
                    f"[health] needs exactly one kind, and has {' and '.join(kinds) or 'nothing'}",
                    "one of " + ", ".join(_LOOKS),
                    "health",
                    *below,
                )
                continue
            name = told.get("name", "health" if not at else f"health{at + 1}")
            if name in names:
                self.wrong(f'two probes are called "{name}"', "give each a name", "health", *below)
            names.add(name)
            found.append(
                Health(
                    name,
                    self.probe(kinds[0], told, 10.0),
                    told.get("threshold", 3),
                    told.get("grace", 0.0),
                    told.get("action", "degrade"),
                )
            )
        return tuple(found)

    def raw(self, key: str) -> Any:
        """What the file says, unread."""
        data: Any = self.file.data or {}
        for part in self.where(key):
            data = data.get(part, {}) if isinstance(data, dict) else {}
        return data

    def restart(self) -> Restart:
        told = self.get("restart")
        if not told:
            return _DEFAULT.restart
        found = Restart(**told)
        if found.cap < found.delay:
            self.wrong(
                "cap is less than delay", "the longest wait is at least the first", "restart", "cap"
            )
        return found

    def dependencies(self) -> tuple[Dependency, ...]:
        found = []
        for at, told in enumerate(self.get("dependency", ())):
            if not told["targets"]:
                self.wrong("targets is empty", "name what is needed", "dependency", at, "targets")
            found.append(Dependency(**told))
        inputs = self.get("system_dependencies", ())
        if inputs:
            found.append(
                Dependency(
                    tuple(f"input:{name}" for name in inputs),
                    Grouping.REQUIRE_ALL,
                    RestartOn.RESTART,
                    name="system_dependencies",
                )
            )
        return tuple(found)

    def listen(self) -> tuple[Listen, ...]:
        found: dict[tuple[str, str], Listen] = {}
        for at, told in enumerate(self.get("listen", ())):
            address = told["address"]
            if address.startswith("."):
                address = self.path(address.removeprefix("./"))
                if len(address.encode()) > 107:
                    text = f"{address} has more than 107 bytes"
                    self.wrong(text, "use a shorter path", "listen", at, "address")
            one = Listen(**{**told, "address": address})
            if (one.type, address) in found:
                self.wrong(f"{address} stands here twice", "leave one out", "listen", at, "address")
            if _UNSPEAKABLE.search(one.name):
                text = "a name in LISTEN_FDNAMES has no colon and no control characters"
                self.wrong(text, "choose another", "listen", at, "name")
            if not address.startswith("/") and told.keys() & {"mode", "user", "group"}:
                self.wrong(f"{address} has no owner and no mode", "only a path has", "listen", at)
            if one.type == "seqpacket" and not address.startswith(("/", "@")):
                self.wrong("seqpacket is for a path or @NAME", "", "listen", at, "type")
            found[one.type, address] = one
        ready = self.get("ready") or {}
        if "fd" in ready and ready["fd"] < 3 + len(found):
            self.wrong(
                f"descriptor {ready['fd']} is a socket of [[listen]]",
                f"write fd = {3 + len(found)}",
                "ready",
                "fd",
            )
        return tuple(found.values())

    def activation(self) -> Activation:
        told = self.get("activation")
        if not told:
            return _DEFAULT.activation
        found = Activation(**told)
        if not self.get("listen"):
            self.wrong("there is nothing to wait at", "add a [[listen]]", "activation")
        if found.when != "start" and (self.get("model", "child") != "child" or self.get("ready")):
            text = f'with "{found.when}" a service is up as soon as it is listened for'
            self.wrong(text, "leave model and [ready] out", "activation")
        stream = all(one.get("type", "stream") != "datagram" for one in self.get("listen", ()))
        if found.when == "each" and not stream:
            self.wrong("datagrams come without a connection", 'write "wait"', "activation")
        return found

    def limits(self) -> Limits:
        told = self.get("limits")
        if not told:
            return _DEFAULT.limits
        rlimits = {
            "cpu" if name == "cpu_time" else name: value
            for name, value in told.items()
            if name in RLIMITS
        }
        rest = {name: value for name, value in told.items() if name not in RLIMITS}
        return Limits(rlimits=rlimits, **rest)

    def log(self) -> LogSettings:
        told = self.get("log")
        if not told:
            return self.around.log
        if "path" in told:
            told = told | {"path": self.path(told["path"])}
        found = msgspec.structs.replace(self.around.log, **told)
        if found.mode == "file" and not found.path:
            self.wrong('mode "file" needs a path', 'write path = "/var/log/NAME.log"', "log")
        if found.path and found.mode != "file":
            self.wrong('path is for mode "file"', 'write mode = "file"', "log", "path")
        return found

    def origins(self) -> dict[str, str]:
        """Each key that the file gives, to "file:line"."""
        found: dict[str, str] = {}
        for key, value in self.values.items():
            self.origin(found, self.where(key), key)
            if isinstance(value, dict):
                for name in value:
                    self.origin(found, self.where(key, name), dotted((key, name)))
        return found

    def origin(self, found: dict[str, str], path: Path, shown: str) -> None:
        line = self.file.lines.get(path) or self.file.lines.get(path[:-1])
        file = readable(self.file.path)
        found[shown] = f"{file}:{line}" if line else file
