"""Every verb, asked from another uid in every role: what is granted works, the rest is refused."""

from __future__ import annotations

import os
import subprocess

import pytest

from stoker.cli import VERBS
from stoker.testing import Scenario

STRANGER = 65534
LEVELS = {"none": 0, "read": 1, "operate": 2, "administer": 3}

READ, OPERATE, ADMINISTER = 1, 2, 3

# Verb: the level it needs, and a call of it that succeeds for who has that level.
CALLS: dict[str, tuple[int, list[str]]] = {
    "ls": (READ, ["ls"]),
    "status": (READ, ["status", "web"]),
    "explain": (READ, ["explain", "web"]),
    "cat": (READ, ["cat", "web"]),
    "events": (READ, ["events"]),
    "wait": (READ, ["wait", "--for", "online", "web"]),
    "logs": (READ, ["logs", "web"]),
    "history": (READ, ["history", "web"]),
    "boot": (READ, ["boot"]),
    "prop": (READ, ["prop", "get", "web"]),
    "snapshot": (READ, ["snapshot", "ls", "web"]),
    "export": (READ, ["export", "web"]),
    "contract": (READ, ["contract", "ls"]),
    "milestone": (READ, ["milestone"]),
    "start": (OPERATE, ["start", "web"]),
    "restart": (OPERATE, ["restart", "web"]),
    "refresh": (OPERATE, ["refresh", "web"]),
    "signal": (OPERATE, ["signal", "CONT", "web"]),
    "mark": (OPERATE, ["mark", "degraded", "web"]),
    "clear": (OPERATE, ["clear", "web"]),
    "system": (OPERATE, ["system", "set", "TIME", "met"]),
    "stop": (OPERATE, ["stop", "web"]),
    "disable": (ADMINISTER, ["disable", "web"]),
    "enable": (ADMINISTER, ["enable", "web"]),
    "reload": (ADMINISTER, ["reload"]),
    "reexec": (ADMINISTER, ["reexec"]),
    "down": (ADMINISTER, ["down"]),
}

# These ask no manager: they read or write files of the asker, under the modes of those files.
LOCAL = {
    *("up", "run", "user", "check", "new", "schema", "completion", "help", "version"),
    *("doctor", "install", "uninstall", "install-commands"),
    "import",  # needs a manifest: tried with the commands of SMF
}


def ask(place: Scenario, words: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a verb as another user, with nothing of root's."""
    return subprocess.run(
        [
            "setpriv",
            f"--reuid={STRANGER}",
            f"--regid={STRANGER}",
            "--clear-groups",
            "--",
            *place.command(*words),
        ],
        env=place.environment | {"HOME": "/nonexistent"},
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
    )


def test_every_verb_is_here() -> None:
    assert {verb.name for verb in VERBS} == LOCAL | set(CALLS)


@pytest.mark.parametrize("role", LEVELS)
def test_what_a_role_may_do(place: Scenario, role: str) -> None:
    os.chmod(place.base, 0o755)
    if role != "none":
        text = f'[[role]]\nmay = "{role}"\nusers = ["{STRANGER}"]\n'
        (place.directory / ".stoker.toml").write_text(text)
    place.script("web", "exec sleep infinity")
    place.toml("idle", 'exec_start = ["sleep", "infinity"]\nenabled = false\n')
    place.up()
    for verb, (level, words) in CALLS.items():
        done = ask(place, words)
        told = f"{role}: {verb}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        if level <= LEVELS[role]:
            assert done.returncode == 0, told
        else:
            assert done.returncode in (1, 3), told
            assert done.stderr, told
            # … and nothing happened.
            assert place.instance("web")["state"] == "online", told
        if verb == "stop" and done.returncode == 0:
            assert place.instance("web")["state"] == "disabled"
            place.stoker("start", "web").ok()


def test_a_role_for_some_services_only(place: Scenario) -> None:
    os.chmod(place.base, 0o755)
    text = f'[[role]]\nmay = "operate"\nusers = ["{STRANGER}"]\nservices = ["web*"]\n'
    (place.directory / ".stoker.toml").write_text(text)
    place.script("web", "echo hello from web\nexec sleep infinity")
    place.script("db", "echo hello from db\nexec sleep infinity")
    place.up()
    place.until(lambda: "hello from db" in place.stoker("logs").out, "both have said it")
    place.until(lambda: "hello from web" in ask(place, ["logs"]).stdout, "it is there")
    assert "db" not in ask(place, ["logs"]).stdout
    assert "hello from web" in ask(place, ["status", "web"]).stdout
    assert "web" in ask(place, ["history"]).stdout
    assert "db" not in ask(place, ["history"]).stdout
    assert ask(place, ["logs", "db"]).returncode in (1, 4)
    assert ask(place, ["logs", "--manager"]).returncode == 1
    assert oct((place.directory / ".stoker" / "logs").stat().st_mode & 0o777) == "0o700"
    assert ask(place, ["stop", "web"]).returncode == 0
    assert place.instance("web")["state"] == "disabled"
    refused = ask(place, ["stop", "db"])
    assert refused.returncode in (1, 4), refused.stderr
    assert place.instance("db")["state"] == "online"
