"""Reads our own settings: one TOML file of a place, of the same manner as definitions."""

from __future__ import annotations

import os
from typing import Any

import msgspec

from stoker.errors import UsageError
from stoker.model import (
    Mistaken,
    Role,
    Settings,
    did_you_mean,
    show_duration,
    signal_number,
)

from .keys import LOG
from .kinds import BAD, Choice, Duration, Flag, Kind, Spot, Strings, Whole, Words, told
from .tables import Key, Many, Table
from .toml import Toml
from .values import Environment

__all__ = ["SETTINGS", "read_settings"]

_is = Settings()


class _Everybody(Strings):
    """Names or numbers of accounts; "*" is everybody."""

    words = 'a list of names or numbers, or ["*"]'

    def one(self, item: Any, spot: Spot) -> Any:
        if isinstance(item, int) and not isinstance(item, bool) and 0 <= item < 2**32:
            return str(item)
        return super().one(item, spot)

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"type": ["string", "integer"]}}


_ACCOUNTS: Kind = _Everybody()


class _Meanings(Kind):
    """Signals to what they mean: a word, or a list of services that get them."""

    words = "a table of signals"
    choices = ("down", "reload", "ignore")

    def read(self, value: Any, spot: Spot) -> Any:
        if not isinstance(value, dict):
            return spot.wrong(
                f"expected {self.words}, not {told(value)}", 'write USR1 = ["web"] below [signals]'
            )
        found: dict[int, tuple[str, ...]] = {}
        good = True
        for name, item in value.items():
            meaning = self.meaning(item, spot.at(name))
            try:
                number = signal_number(name)
            except UsageError as wrong:
                meaning = spot.at(name).wrong(wrong.message, wrong.hint)
            if meaning is BAD:
                good = False
            else:
                found[number] = meaning
        return found if good else BAD

    def meaning(self, item: Any, spot: Spot) -> Any:
        """What one signal means: the words, or the patterns of services."""
        if isinstance(item, list):
            return Strings().read(item, spot)
        if item not in self.choices:
            near = did_you_mean(str(item)[:60], self.choices)
            hint = (
                f'did you mean "{near}"?' if near else 'write ["NAME"] to pass it on to a service'
            )
            return spot.wrong(f"{told(item)} is no meaning of a signal", hint)
        return item

    def schema(self) -> dict[str, Any]:
        names = {"type": "array", "items": {"type": "string"}}
        meaning = {"oneOf": [{"enum": list(self.choices)}, names]}
        return {"type": "object", "additionalProperties": meaning}


ROLE = Table(
    Key("may", Choice("read", "operate", "administer", what="role"),
        "read: look; operate: start, stop, restart, refresh, signal, clear; administer: everything",
        '"read"', required=True),
    Key("users", _ACCOUNTS, "users who may; \"*\" is everybody", "[]"),
    Key("groups", _ACCOUNTS, "groups whose members may", "[]"),
    Key("services", Strings(), "patterns of the services that it is about", '["*"]'),
    name="role", merges=False,
)  # fmt: skip

SETTINGS = Table(
    Key("concurrency", Whole(1, 1_000_000), "starts, and stops, under way at once", "no cap"),
    Key("reserve", Whole(16, 100_000), "file descriptors kept back for ourselves and clients",
        f"{_is.reserve}"),
    Key("open_files", Whole(64, 2**30), "the limit of open files that the manager asks for",
        "what it needs"),
    Key("watch", Flag(), "definitions are read again by themselves when a file changes", "false"),
    Key("watch_delay", Duration(0.01), "quiet time after the last change before they are read",
        f'"{show_duration(_is.watch_delay)}"'),
    Key("down_timeout", Duration(0.01), "time after which `down` kills what is left",
        "each service's own"),
    Key("environment", Environment(), "variables of every service", ""),
    Key("history_age", Duration(60), "how long history is kept",
        f'"{show_duration(_is.history_age)}"'),
    Key("history_count", Whole(100, 2**40), "most rows of each kind in the history",
        f"{_is.history_count}"),
    Key("directories", Strings(),
        "further directories of definitions; of one name, the place's own come first", "[]"),
    Key("manifests", Strings(),
        "directories of service bundles (SMF's manifests), each read with all below it; what the "
        "directories of definitions have comes first", "[]"),
    Key("watchers", Words("TIME", "MOUNTS", "NETWORK", "active", what="watcher"),
        'conditions that watchers of ours tell of where services need them; "active": sleep, as '
        "logind announces it", '["TIME", "MOUNTS", "NETWORK"]'),
    Key("spawner", Choice("own", "start-stop-daemon", what="spawner"),
        "what starts processes: ourselves, or Debian's start-stop-daemon(8)", f'"{_is.spawner}"'),
    Key("smf", Choice("illumos", "solaris10", what="release"),
        "where releases of SMF differ, the one whose customs hold", f'"{_is.smf}"'),
    Key("log", LOG, "how output is kept where a definition does not say"),
    Key("signals", _Meanings(),
        '[signals], what a signal to the keeper means: "down", "reload", "ignore", or the services '
        "whose main processes get it", "TERM and INT down, HUP reload, others nothing"),
    Key("role", Many(ROLE), "[[role]]: who besides root and the owner may do what"),
    name="settings",
)  # fmt: skip
"""Everything that may stand in our own settings file."""


def read_settings(paths: list[str], default: Settings = _is) -> tuple[Settings, list[Mistaken]]:
    """The settings in the first of these files that exists. What it does not say, or says wrongly,
    is as in `default`; what is wrong is told.
    """
    for path in paths:
        if os.path.lexists(path):
            file = Toml(path)
            if not file.load() or file.data is None:
                return default, file.mistakes
            return _settings(file, file.data, default), file.mistakes
    return default, []


def _settings(file: Toml, data: dict[str, Any], default: Settings) -> Settings:
    spot = file.spot()
    values: dict[str, Any] = {}
    for name, item in data.items():
        key = SETTINGS.spellings.get(name)
        if key is None:
            SETTINGS.unknown(name, spot.at(name))
            continue
        value = key.kind.read(item, spot.at(name))
        if value is not BAD:
            values[name] = value
    log = values.pop("log", None)
    if log:
        if log.get("mode") == "file" or "path" in log:
            spot.at("log").wrong('mode "file" belongs to one service', "write it there")
        else:
            values["log"] = msgspec.structs.replace(default.log, **log)
    if "signals" in values:
        values["signals"] = default.signals | values["signals"]
    roles = []
    for at, row in enumerate(values.pop("role", ())):
        if not row.get("users") and not row.get("groups"):
            spot.at("role", at).wrong(
                "a role without users and groups is nobody's", 'write users = ["NAME"]'
            )
        roles.append(Role(**row))
    here = os.path.dirname(os.path.abspath(file.path))
    for name in {"directories", "manifests"} & values.keys():
        more = [os.path.normpath(os.path.join(here, one)) for one in values[name]]
        values[name] = tuple(more)
    return msgspec.structs.replace(default, roles=tuple(roles), **values)
