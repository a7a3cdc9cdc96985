"""What `check` warns of: accounts, files, programs that are not here; files that others change."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from stoker.formats import advise
from stoker.model import Mistaken

NOBODY = "no-such-account"


def advice(box: Any, path: str = "/bin:/usr/bin") -> list[Mistaken]:
    compiled = box.compile()
    assert not compiled.errors
    found: list[Mistaken] = advise(compiled.definitions, box.place, path)
    assert all(one.level == "warning" and one.hint for one in found)
    return found


def said(box: Any) -> list[tuple[int | None, str | None, str]]:
    return [(one.line, one.key, one.message) for one in advice(box)]


def test_what_is_in_order_is_not_mentioned(box: Any) -> None:
    box.script("one")
    (box.directory / "web.env").write_text("A=1\n")
    box.toml(
        "web",
        f"""
        exec_start = ["sh", "-c", "exec sleep infinity"]
        user = "{os.getuid()}"
        group = "root"
        environment_files = ["web.env", "-no-such.env"]
        working_directory = "{box.directory}"
        """,
    )
    assert advice(box) == []


@pytest.mark.parametrize(
    ("line", "key", "message"),
    [
        (f'user = "{NOBODY}"', "user", f'there is no user "{NOBODY}"'),
        (f'group = "{NOBODY}"', "group", f'there is no group "{NOBODY}"'),
        (
            f'supplementary_groups = ["root", "{NOBODY}"]',
            "supplementary_groups",
            f'there is no group "{NOBODY}"',
        ),
        ('environment_files = ["/no/such"]', "environment_files", "there is no /no/such"),
        ('working_directory = "/no/such"', "working_directory", "there is no directory /no/such"),
        ('exec_stop = ["no-such-program"]', "exec_stop", "there is no no-such-program in PATH"),
        ('exec_refresh = ["/etc"]', "exec_refresh", "/etc is a directory"),
        ('exec_stop_post = ["/etc/passwd"]', "exec_stop_post", "/etc/passwd is not executable"),
    ],
)
def test_what_is_not_here_is_told_at_its_line(box: Any, line: str, key: str, message: str) -> None:
    path = box.toml("web", f'exec_start = ["sh"]\n{line}\n')
    (one,) = advice(box)
    assert (one.file, one.line, one.key, one.message) == (str(path), 2, key, message)


def test_only_root_s_manager_starts_as_somebody_else(box: Any) -> None:
    box.toml("web", 'exec_start = ["sh"]\nuser = "4711"\n')
    definitions = box.compile().definitions
    place = box.place
    place.uid = 4712
    found = [one.message for one in advise(definitions, place, "/bin:/usr/bin") if one.line == 2]
    assert found == ["cannot run as 4711: the manager here is not root's"]
    place.uid = 0
    assert not [one for one in advise(definitions, place, "/bin:/usr/bin") if one.line == 2]


def test_a_program_is_looked_for_in_the_service_s_own_path(box: Any, tmp_path: Path) -> None:
    program = tmp_path / "mine"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    box.toml("web", f'exec_start = ["mine"]\n[environment]\nPATH = "{tmp_path}"\n')
    assert advice(box) == []
    box.toml("web", 'exec_start = ["mine"]\n')
    assert said(box) == [(1, "exec_start", "there is no mine in PATH")]


def test_two_instances_tell_it_once(box: Any) -> None:
    box.toml("web", 'exec_start = ["no-such-program"]\n[instances.a]\n[instances.b]\n')
    assert len(advice(box)) == 1


def test_what_everybody_can_change_is_told(box: Any) -> None:
    script, toml = box.script("one"), box.toml("two", 'exec_start = ["./tool"]\n')
    tool = box.directory / "tool"
    tool.write_text("#!/bin/sh\n")
    os.chmod(script, 0o777)
    os.chmod(toml, 0o666)
    os.chmod(tool, 0o777)
    found = {(one.file, one.line): one.message for one in advice(box)}
    assert "mode 0777" in found[str(script), None]
    assert "mode 0666" in found[str(toml), None]
    assert "tool can be changed by everybody" in found[str(toml), 1]
    os.chmod(box.directory, 0o777)
    assert any(one.file == str(box.directory) for one in advice(box))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_would_run_for_somebody_else_is_told(box: Any) -> None:
    script = box.script("one")
    os.chown(script, 65534, -1)
    (found,) = advice(box)
    assert (found.file, "belongs to" in found.message) == (str(script), True)
    box.toml("two", f'exec_start = ["{script}"]\nuser = "65534"\n')
    assert len(advice(box)) == 1  # as its owner it may run it
