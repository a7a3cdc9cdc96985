"""Writes a first definition, with comments that say what else there is."""

from __future__ import annotations

from collections.abc import Sequence

from stoker.errors import UsageError
from stoker.model import canonical, escape, split

from .keys import DEFINITION
from .registry import leftover

__all__ = ["file_name", "new_definition"]

_SHOWN = (
    ("enabled", "true"),
    ("user", '"nobody"'),
    ("working_directory", '"/srv/app"'),
    ("exec_start_pre", '["program", "--check"]'),
    ("exec_refresh", '":kill HUP"'),
    ("shutdown_timeout", '"10s"'),
    ("stop_signal", '"TERM"'),
    ("start_timeout", '"30s"'),
    ("model", '"child"'),
    ("after", '["other"]'),
)

_TABLES = """\
# Variables, added to the environment.
# [environment]
# PORT = "8080"

# What it needs before it starts, and what happens when that goes away.
# [[dependency]]
# targets = ["database"]
# restart_on = "none"

# When it counts as up: one of notify, fd, exec, http, tcp, unix, file, pidfile, log, exit, delay.
# [ready]
# http = "http://127.0.0.1:8080/health"

# [restart]
# delay = "100ms"
# cap = "30s"

# [limits]
# memory = "512M"
# nofile = 4096
"""


def file_name(name: str) -> str:
    """The file that a new definition of `name` is written to: NAME.toml. Raises UsageError."""
    return _stem(*split(canonical(name))) + ".toml"


def _stem(service: str, instance: str) -> str:
    """The file's name without its ending. Where that is not the service's, it has an `id`."""
    stem = service if instance == "default" else f"{service}@{instance}"
    stem = stem.replace("/", "-")
    if stem.startswith(".") or leftover(f"{stem}.toml") or not stem.isprintable():
        stem = "service" + escape(stem).replace("%", "-")
    return stem


def new_definition(name: str, command: Sequence[str], directory: str = "DIR") -> str:
    """The text of a commented definition of `name` that runs `command`. Raises UsageError.

    One word with blanks in it is a line for /bin/sh. `directory` is what the advice at the end
    names.
    """
    service, instance = split(canonical(name))
    if not command or not command[0].strip():
        raise UsageError("no command is given", hint=f"stoker new {name} -- COMMAND [ARGUMENT…]")
    lines = [
        f"# {name}: what is commented out shows what else may be said; `stoker schema` has all."
    ]
    full = service if instance == "default" else f"{service}@{instance}"
    if _stem(service, instance) != full:
        lines += [f"id = {_quoted(full)}"]
    lines += [f"description = {_quoted(name)}"]
    if len(command) == 1 and len(command[0].split()) > 1:
        lines += [f"exec_start = {_quoted(command[0])}"]
    else:
        lines += [f"exec_start = [{', '.join(_quoted(word) for word in command)}]"]
    lines += [""]
    for key, example in _SHOWN:
        lines += [f"# {key} = {example}  # {DEFINITION.keys[key].doc}"]
    lines += [
        "",
        _TABLES,
        f"# Check it: stoker check {directory}",
        f"# Start it: stoker up {directory}",
        "",
    ]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    """A TOML basic string."""
    out = []
    for char in text:
        number = ord(char)
        if 0xD800 <= number < 0xE000:
            raise UsageError("an argument is not UTF-8")
        if char in '"\\':
            out.append("\\" + char)
        elif number < 32 or number == 127:
            out.append(f"\\u{number:04X}")
        else:
            out.append(char)
    return f'"{"".join(out)}"'
