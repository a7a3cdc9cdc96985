"""The table of verbs, and what is made from it."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys

import pytest

import stoker.cli
from stoker.cli.shells import script
from stoker.cli.table import GLOBAL, VERBS

PROMISED = [
    *(
        "check",
        "up",
        "run",
        "boot",
        "user",
        "ls",
        "status",
        "explain",
        "stop",
        "start",
        "restart",
        "refresh",
        "signal",
    ),
    *("enable", "disable", "clear", "mark", "logs", "wait", "cat", "events", "reload", "down"),
    *("schema", "new", "completion", "help", "system", "history", "reexec", "version"),
    *("doctor", "install", "install-commands", "uninstall"),
    *("prop", "import", "export", "snapshot", "milestone", "contract"),
]


def test_every_verb_has_its_module() -> None:
    for verb in VERBS:
        module = importlib.import_module(f"stoker.cli.commands.{verb.name.replace('-', '_')}")
        assert callable(module.run)


def test_the_verbs_are_those_promised() -> None:
    assert sorted(verb.name for verb in VERBS) == sorted(PROMISED)
    assert stoker.cli.verbs() is VERBS


def test_nothing_is_said_twice() -> None:
    for verb in VERBS:
        for spelling in ("long", "short"):
            words = [getattr(one, spelling) for one in (*verb.options, *GLOBAL)]
            words = [word for word in words if word]
            assert len(set(words)) == len(words), verb.name


def test_everything_that_lists_or_shows_has_json() -> None:
    for verb in VERBS:
        if verb.name != "run":  # whose output is that of services
            assert any(option.long == "--json" for option in verb.options), verb.name


def test_what_changes_something_can_be_tried_waited_for_and_explained() -> None:
    for verb in VERBS:
        if verb.name in ("start", "stop", "restart", "refresh", "signal", "enable", "disable",
                         "clear", "mark", "system"):  # fmt: skip
            longs = {option.long for option in verb.options}
            assert {"--no-wait", "--timeout", "--dry-run", "--reason"} <= longs, verb.name


def test_argparse_understands_the_same_words() -> None:
    parser = stoker.cli.parser()
    found = parser.parse_args(["stop", "--reason", "x", "-n", "web"])
    assert (found.verb, found.names, found.reason, found.dry_run) == ("stop", ["web"], "x", True)
    for verb in VERBS:
        parser.format_help()
        assert verb.name in parser.format_help()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_names_every_verb_and_option(shell: str) -> None:
    text = script(shell)
    for verb in VERBS:
        assert verb.name in text
        for option in verb.options:
            assert option.long.lstrip("-") in text
    assert "completion --names" in text
    program = shutil.which(shell)
    if program:
        done = subprocess.run([program, "-n"], input=text, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr


def test_a_fast_verb_imports_little() -> None:
    heavy = ("argparse", "rich", "msgspec", "json", "socket", "re", "enum", "dataclasses", "typing")
    code = (
        "import sys; from stoker.cli import main; main(['-C', '/nonexistent', 'ls']);"
        f"print([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=60
    )
    code = f"import sys; print([m for m in {heavy!r} if m in sys.modules])"
    before = subprocess.run(
        [sys.executable, "-I", "-c", code],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.stdout == before.stdout, done.stderr
