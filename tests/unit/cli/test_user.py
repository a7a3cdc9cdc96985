"""`stoker user`: counting sessions, and the definition of a user's manager."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from stoker.cli import main
from stoker.cli.sessions import Sessions
from stoker.cli.users import MARK, definition, person
from stoker.errors import UsageError
from stoker.formats import compile_place
from stoker.model import project_place

ADA = pwd.struct_passwd(("ada", "x", 4321, 4321, "", "/home/ada", ""))


def test_sessions_are_counted_by_everybody(tmp_path: Path) -> None:
    one, other = Sessions(str(tmp_path), "ada"), Sessions(str(tmp_path), "ada")
    assert (one.count(), one.more(), other.more(), one.count()) == (0, 1, 2, 2)
    assert Sessions(str(tmp_path), "bob").count() == 0
    assert (other.less(), one.less(), one.less()) == (1, 0, 0)


@pytest.mark.parametrize("lingers", [True, False])
def test_the_definition_is_read_without_a_mistake(tmp_path: Path, lingers: bool) -> None:
    (tmp_path / "user@ada.toml").write_text(definition(ADA, lingers))
    compiled = compile_place(project_place(str(tmp_path), {}, os.getuid()))
    assert compiled.mistakes == []
    (found,) = compiled.definitions
    assert found.fmri == "svc:/user:ada"
    assert found.enabled is lingers
    assert found.start[0].argv[-3:] == ("user", "run", "ada")
    assert found.ready.kind == "notify"


def test_linger_and_unlinger_without_a_manager(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOKER_RUNTIME_DIR", "/nonexistent/run")
    me = pwd.getpwuid(os.getuid()).pw_name
    path = tmp_path / f"user@{me}.toml"
    assert main(["-C", str(tmp_path), "user", "linger", me]) == 0
    assert path.read_text().startswith(MARK)
    assert "\nenabled = true\n" in path.read_text()
    assert main(["-C", str(tmp_path), "user", "unlinger", str(os.getuid()), "--json"]) == 0
    assert "\nenabled = false\n" in path.read_text()
    assert '"lingers": false' in capsys.readouterr().out
    path.write_text("# mine\n")
    assert main(["-C", str(tmp_path), "user", "linger", me]) == 1
    assert path.read_text() == "# mine\n"
    assert "not ours" in capsys.readouterr().err


def test_a_session_where_no_manager_runs_is_nobodys_affair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOKER_RUNTIME_DIR", "/nonexistent/run")
    monkeypatch.setenv("PAM_USER", pwd.getpwuid(os.getuid()).pw_name)
    monkeypatch.setenv("PAM_TYPE", "open_session")
    assert main(["-C", str(tmp_path), "user", "session"]) == 0
    assert list(tmp_path.iterdir()) == []


def test_who_is_nobody() -> None:
    assert person("0").pw_uid == 0
    with pytest.raises(UsageError, match="no user"):
        person("nobody-of-that-name")
