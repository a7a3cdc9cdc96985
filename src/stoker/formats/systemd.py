"""From systemd's units to native definitions, with a report: each setting is taken, approximated or
ignored, and why.

Services and targets become definitions, sockets a part of their service's. Timers and the other
kinds cannot: what they would do for a service nobody does here, and that is said. Nothing is
guessed: a dependency on a unit that is not converted along with it, or is not there, is left out
with a line in the report, because a service that requires what does not exist would never start.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from stoker.errors import Failed

from .report import APPROXIMATED, IGNORED, TAKEN, Row
from .systemd_socket import Sockets, sockets_of
from .systemd_unit import Unit, home_of, split_words
from .systemd_words import commands_of, limit, native, shell, span
from .toml_text import definition_text

__all__ = ["Converted", "Row", "convert_unit", "native_name"]

_CONDITIONS = {
    "network-online.target": "NETWORK",
    **dict.fromkeys(("time-sync.target", "time-set.target"), "TIME"),
    **dict.fromkeys(("local-fs.target", "remote-fs.target", "local-fs-pre.target"), "MOUNTS"),
}
"""Targets of systemd that are conditions of the machine here, for what comes after them. What
comes before one, or only wants it, is what brings it about. Nothing waits for network.target there
either: it orders the way down.
"""


class Converted(msgspec.Struct):
    """A definition (`text`, "" where there can be none: `why`), its name, and the report."""

    name: str
    text: str = ""
    why: str = ""
    rows: list[Row] = []


def native_name(unit: str) -> str:
    """What a unit is called here: "web", "web@blue", "target/server"."""
    stem, _, kind = unit.rpartition(".")
    return f"target/{stem}" if kind == "target" else stem


def convert_unit(unit: Unit, known: Collection[str], sockets: Sequence[Unit] = ()) -> Converted:
    """Convert one unit. `known`: names of units that are there as services, or come along.
    `sockets`: the socket units that are for it.
    """
    made = Converted(native_name(unit.name))
    refused = {
        "socket": "it is a part of its service: name that along with it",
        "timer": "nothing native is started by time yet: leave it to cron, or make a bundle of it "
        "by `stoker system-control convert-systemd-units`",
    }
    if unit.template:
        made.why = f"it is a template: name an instance ({unit.prefix}@INSTANCE.{unit.kind})"
    elif unit.kind not in ("service", "target"):
        other = "mounts, devices, slices and paths are the machine's own affair"
        made.why = refused.get(unit.kind, other)
    elif unit.kind == "service" and not unit.all("Service", "ExecStart"):
        made.why = "it has no ExecStart, so there is nothing to run"
    if made.why:
        return made
    conversion = _Conversion(unit, known, sockets_of(unit, sockets) if sockets else None)
    try:
        values = conversion.convert()
    except Failed as error:
        made.why = error.message
        return made
    made.text = f"# From {unit.file}\n{definition_text(values)}"
    made.rows = conversion.report()
    return made


class _Conversion:
    """One unit on its way. `said`: what was said of settings, by section and key."""

    def __init__(self, unit: Unit, known: Collection[str], sockets: Sockets | None) -> None:
        self.unit = unit
        self.known = known
        self.sockets = sockets
        self.values: dict[str, Any] = {}
        self.said: dict[tuple[str, str], tuple[str, str]] = {}
        self.pre: list[str] = []
        self.changes_itself = False  # "+" or "!" before its command

    def report(self) -> list[Row]:
        """Every line of the unit, with what became of it."""
        rows = []
        for one in self.unit.settings:
            what, why = self.said.get((one.section, one.key), (IGNORED, _reason(one.key)))
            rows.append(Row(one.file, one.line, one.section, one.key, one.value, what, why))
        for socket, said in self.sockets.said if self.sockets is not None else ():
            for one, (what, why) in zip(socket.settings, said, strict=True):
                rows.append(Row(one.file, one.line, one.section, one.key, one.value, what, why))
        return rows

    def say(self, key: str, what: str = TAKEN, why: str = "", section: str = "Service") -> None:
        self.said[section, key] = what, why

    def text(self, key: str, section: str = "Service") -> str:
        """The value of a key, which is then taken."""
        value = self.unit.last(section, key)
        if value:
            self.said.setdefault((section, key), (TAKEN, ""))
        return value

    def convert(self) -> dict[str, Any]:
        unit = self.unit
        if description := self.text("Description", "Unit"):
            self.values["description"] = description
        self.values["enabled"] = unit.wanted or bool(
            unit.names("Install", "WantedBy") or unit.names("Install", "RequiredBy")
        )
        self._relations()
        if unit.kind == "target":
            self.values |= {"id": native_name(unit.name), "exec_start": ":true"}
            self.values |= {"model": "transient", "ready": {"exit": True}}
            return self.values
        self._kind()
        self._directories()
        self._commands()
        self._surroundings()
        self._restart()
        self._ending()
        self._limits()
        self._sockets()
        return self.values

    def _sockets(self) -> None:
        if self.sockets is None:
            return
        self.values["enabled"] = self.values["enabled"] or self.sockets.enabled
        if not self.sockets.listen:
            return
        self.values["listen"] = self.sockets.listen
        if when := self.sockets.activation:
            self.values["activation"] = when  # up as soon as it is listened for
            for key in ("ready", "model", "start_timeout"):
                self.values.pop(key, None)
        if self.unit.all("Service", "Sockets"):
            self.say("Sockets")
        if self.unit.last("Service", "StandardInput") == "socket":
            self.say("StandardInput")

    # -- relations

    def _relations(self) -> None:
        waits: dict[str, None] = {}
        for key, name in (("After", "after"), ("Before", "before"), ("Wants", "wants"),
                          ("Conflicts", "conflicts"), ("Upholds", "wants")):  # fmt: skip
            found = self._targets("Unit", key, waits)
            if found:
                self.values[name] = list(dict.fromkeys([*self.values.get(name, []), *found]))
        for key, restart in (("Requires", "restart"), ("BindsTo", "error"), ("Requisite", "none")):
            found = self._targets("Unit", key, waits)
            if found:
                group = {"targets": found, "restart_on": restart, "name": key.lower()}
                self.values.setdefault("dependency", []).append(group)
                if key == "Requisite":
                    self.say(key, APPROXIMATED, "waits for it instead of failing", "Unit")
        found = self._targets("Unit", "PartOf", waits)
        if found:
            self.values["part_of"] = found
        wanted = self._targets("Install", "WantedBy", {}) + self._targets(
            "Install", "RequiredBy", {}
        )
        if wanted:
            self.values["wanted_by"] = wanted
        for key in ("WantedBy", "RequiredBy"):
            if self.unit.all("Install", key):
                self.said["Install", key] = (
                    TAKEN,
                    "enabled" + (f"; with {wanted}" if wanted else ""),
                )
        if waits:
            self.values["system_dependencies"] = list(waits)

    def _targets(self, section: str, key: str, waits: dict[str, None]) -> list[str]:
        names = self.unit.names(section, key)
        if not names:
            return []
        found, left = [], []
        for name in names:
            if name.endswith((".service", ".target")) and name in self.known:
                found.append(self._instance(name))
            elif name in _CONDITIONS and key == "After":
                waits[_CONDITIONS[name]] = None
            elif name in _CONDITIONS and name in self.unit.names("Unit", "After"):
                continue
            else:
                left.append(name)
        ours = {one.name for one, _ in self.sockets.said} if self.sockets is not None else set()
        if any(name in ours for name in left):
            left = [name for name in left if name not in ours]
            why = "its sockets are its own" + (f"; without {' '.join(left)}" if left else "")
            self.say(key, APPROXIMATED if left else TAKEN, why, section)
        elif any(name.endswith(".socket") for name in left):
            why = "its sockets are not converted along with it: it must open its own"
            self.say(key, APPROXIMATED if found else IGNORED, why, section)
        elif not left:
            self.say(key, section=section)
        elif len(left) < len(names):
            self.say(key, APPROXIMATED, f"without {' '.join(left)}: not there", section)
        else:
            self.say(key, IGNORED, "not there, or a target that only systemd has", section)
        return found

    def _instance(self, name: str) -> str:
        """What it is called where it is meant alone: a plain name stands for all instances."""
        prefix = f"{name.rpartition('.')[0]}@"
        others = any(one.startswith(prefix) for one in (*self.known, self.unit.name))
        return f"{native_name(name)}:default" if others else native_name(name)

    # -- what runs

    def _kind(self) -> None:
        kind = self.text("Type") or "simple"
        notify = {"notify": True}
        if kind in ("notify", "notify-reload"):
            self.values["ready"] = notify
        elif kind == "forking":
            self.values["model"] = "contract"
            if path := self.text("PIDFile"):
                path = path if path.startswith("/") else f"/run/{path}"
                self.values["ready"] = {"pidfile": path}
            else:
                self.values["ready"] = {"exit": True}
                self.say("Type", APPROXIMATED, "up when the command has ended; no main process")
        elif kind == "oneshot":
            self.values |= {"model": "transient", "ready": {"exit": True}}
            if self.unit.flag("Service", "RemainAfterExit"):
                self.say("RemainAfterExit")
            else:
                self.say("Type", APPROXIMATED, "it is up, not down, when it has done its work")
        elif kind in ("dbus", "idle"):
            self.say("Type", APPROXIMATED, "up once it is executed")
            if kind == "dbus" and "dbus.service" in self.known:
                group = {"targets": ["dbus"], "restart_on": "none", "name": "bus"}
                self.values.setdefault("dependency", []).append(group)
                self.say("BusName")
        elif kind not in ("simple", "exec"):
            raise Failed(f"Type={kind} is not known")

    def _directories(self) -> None:
        """RuntimeDirectory= and its like, made before the start; only root's services may."""
        user = self.unit.last("Service", "User")
        for key, base in (("RuntimeDirectory", "/run"), ("StateDirectory", "/var/lib"),
                          ("CacheDirectory", "/var/cache"), ("LogsDirectory", "/var/log"),
                          ("ConfigurationDirectory", "/etc")):  # fmt: skip
            names = self.unit.names("Service", key)
            paths = [f"{base}/{name.partition(':')[0]}" for name in names]
            if not paths:
                continue
            if user and user != "root":
                owner = f"owned by {user}"
                self.say(key, IGNORED, f"make {' '.join(paths)} before it starts, {owner}")
                continue
            mode = self.unit.last("Service", f"{key}Mode") or "0755"
            self.pre.append(f"mkdir -p -m {shlex.quote(mode)} {shlex.join(paths)}")
            self.say(key, APPROXIMATED, "made before the start, and not removed")
            self.said.setdefault(("Service", f"{key}Mode"), (TAKEN, ""))

    def _commands(self) -> None:
        starts = self._lines("ExecStart")
        self.changes_itself = any(sign in prefixes for prefixes, _ in starts for sign in "+!")
        if len(starts) > 1:
            self.values["exec_start"] = " && ".join(map(shell, starts))
        else:
            self.values["exec_start"] = native(starts[0], main=True)
        pre = [*self.pre, *map(shell, self._lines("ExecStartPre"))]
        if pre:
            self.values["exec_start_pre"] = " && ".join(pre)
        for key, name in (("ExecStop", "exec_stop"), ("ExecStopPost", "exec_stop_post"),
                          ("ExecReload", "exec_refresh")):  # fmt: skip
            lines = self._lines(key)
            if len(lines) == 1:
                self.values[name] = native(lines[0], main=False)
            elif lines:
                self.values[name] = " && ".join(map(shell, lines))
        reload = self.values.get("exec_refresh")
        if reload in ("/bin/kill -HUP $MAINPID", "kill -HUP $MAINPID"):
            self.values["exec_refresh"] = ":kill HUP"
            self.say("ExecReload", APPROXIMATED, "HUP to all of its processes")
        elif "MAINPID" in str(reload):
            del self.values["exec_refresh"]
            self.say("ExecReload", IGNORED, "there is no $MAINPID here; write exec_refresh")
        for key in ("exec_stop", "exec_stop_post"):
            if "MAINPID" in str(self.values.get(key, "")):
                del self.values[key]
                why = "there is no $MAINPID here; signals stop it"
                self.say("ExecStop" if key == "exec_stop" else "ExecStopPost", IGNORED, why)
        if self.unit.all("Service", "ExecStartPost"):
            self.say("ExecStartPost", IGNORED, "nothing is run behind the start")

    def _lines(self, key: str) -> list[tuple[str, list[str]]]:
        """The command lines of a key: prefixes and words."""
        lines = []
        for value in self.unit.all("Service", key):
            for one in commands_of(value):
                prefixes = one[: len(one) - len(one.lstrip("-@:+!|"))]
                words = split_words(one[len(prefixes) :])
                if not words:
                    continue
                if "@" in prefixes and len(words) > 1:
                    del words[1]
                lines.append((prefixes, words))
        if lines:
            told = {"@": "its argv[0] is that of the program"}
            if key != "ExecStart":
                told |= dict.fromkeys("+!", "not with more rights")
            why = [text for sign, text in told.items() if any(sign in p for p, _ in lines)]
            if key == "ExecStart" and any("-" in prefixes for prefixes, _ in lines):
                why.append("its failure counts")
            self.say(key, APPROXIMATED if why else TAKEN, "; ".join(why))
        return lines

    # -- surroundings

    def _surroundings(self) -> None:
        for key, name in (("User", "user"), ("Group", "group")):
            if value := self.text(key):
                if self.changes_itself:
                    self.say(key, APPROXIMATED, "it begins as root, and changes by itself")
                else:
                    self.values[name] = value
        if groups := self.unit.names("Service", "SupplementaryGroups"):
            self.values["supplementary_groups"] = groups
            self.say("SupplementaryGroups")
        directory = self.text("WorkingDirectory").removeprefix("-")
        if directory == "~":
            directory = home_of(self.unit.last("Service", "User") or "root")
        self.values["working_directory"] = directory or "/"
        if umask := self.text("UMask"):
            self.values["umask"] = umask
        for key, name in (("Nice", "nice"), ("OOMScoreAdjust", "oom_score_adj")):
            if value := self.text(key):
                self.values[name] = int(value)
        environment: dict[str, str] = {}
        for value in self.unit.all("Service", "Environment"):
            for word in split_words(value):
                variable, sign, content = word.partition("=")
                if sign:
                    environment[variable] = content
            self.say("Environment")
        if environment:
            self.values["environment"] = environment
        if files := self.unit.all("Service", "EnvironmentFile"):
            self.values["environment_files"] = files
            self.say("EnvironmentFile")

    def _restart(self) -> None:
        how = self.text("Restart") or "no"
        restart: dict[str, Any] = {}
        when = {"no": "never", "always": "always", "on-failure": "on-failure"}.get(how)
        if when is None:
            when = "always" if how == "on-success" else "on-failure"
            self.say("Restart", APPROXIMATED, f"as {when}")
        restart["when"] = when
        if delay := self.text("RestartSec"):
            wait = f"{span(delay):g}s"
            restart |= {"delay": wait, "cap": wait, "factor": 1.0}
            self.say("RestartSec", APPROXIMATED, "the first restart does not wait")
        burst = self.unit.last("Unit", "StartLimitBurst") or self.unit.last(
            "Service", "StartLimitBurst"
        )
        if burst and when != "never":
            restart["limit"] = int(burst)
            for section in ("Unit", "Service"):
                why = "then maintenance; without the interval"
                self.say("StartLimitBurst", APPROXIMATED, why, section)
        self.values["restart"] = restart

    def _ending(self) -> None:
        number = self.text("KillSignal") or self.text("FinalKillSignal") or ""
        if number:
            self.values["stop_signal"] = number.removeprefix("SIG")
        if self.unit.flag("Service", "SendSIGHUP"):
            self.values["stop_signal"] = [self.values.get("stop_signal", "TERM"), "HUP"]
            self.say("SendSIGHUP")
        both = self.text("TimeoutSec")
        stop = self.text("TimeoutStopSec") or both or "90"
        if stop == "infinity":
            stop = "3600"
            self.say("TimeoutStopSec", APPROXIMATED, "an hour")
        self.values["shutdown_timeout"] = f"{span(stop):g}s"
        start = self.text("TimeoutStartSec") or both
        if "ready" in self.values:
            never = start in ("infinity", "0") or (
                not start and self.values.get("model") == "transient"
            )
            text = "never" if never else f"{span(start or '90'):g}s"
            self.values["start_timeout"] = text
        mode = self.text("KillMode")
        if mode in ("process", "none"):
            self.say("KillMode", APPROXIMATED, "all of its processes are ended")
        elif mode == "mixed":
            self.say("KillMode", APPROXIMATED, "the signal goes to all of its processes")

    def _limits(self) -> None:
        limits: dict[str, Any] = {}
        for one in self.unit.settings:
            if one.section == "Service" and one.key.startswith("Limit"):
                name = {"cpu": "cpu_time"}.get(one.key[5:].lower(), one.key[5:].lower())
                parts = [limit(part) for part in self.text(one.key).split(":")]
                limits[name] = parts if len(parts) > 1 else parts[0]
        for key, name in (("MemoryMax", "memory"), ("MemoryHigh", "memory_high"),
                          ("TasksMax", "pids")):  # fmt: skip
            value = self.text(key)
            if value.endswith("%") or value == "infinity":
                self.say(key, IGNORED, "no limit, or one that is a part of the machine")
            elif value:
                limits[name] = int(value) if name == "pids" else value
        if quota := self.text("CPUQuota"):
            limits["cpu"] = float(quota.rstrip("%")) / 100
        if limits:
            self.values["limits"] = limits


def _reason(key: str) -> str:
    """Why a setting that nobody looks at means nothing here."""
    if key in ("Documentation", "Alias", "Also", "DefaultInstance", "SourcePath"):
        return "it is for people and tools"
    if key.startswith(("Condition", "Assert")):
        return "nothing is looked at before a start; exec_start_pre may"
    if key.startswith(("Standard", "Syslog", "TTY", "Log")):
        return "output is kept by the recorder"
    if key in _BARRED or key.startswith(("Protect", "Private", "Restrict", "System", "Capability")):
        return "there is no sandboxing here"
    return "there is nothing like it here"


_BARRED = (
    "NoNewPrivileges", "AmbientCapabilities", "ReadWritePaths", "ReadOnlyPaths", "DevicePolicy",
    "MemoryDenyWriteExecute", "InaccessiblePaths", "LockPersonality", "DeviceAllow", "ProcSubset",
    "ReadWriteDirectories", "ReadOnlyDirectories", "InaccessibleDirectories", "RootDirectory",
    "BindPaths", "IPAddressDeny", "IPAddressAllow", "DynamicUser", "KeyringMode", "RemoveIPC",
    "TemporaryFileSystem",
)  # fmt: skip
