"""What bundles' links relate, drawn for Graphviz."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stoker.compat import run

SHAPE = '[shape=octagon,style="rounded,filled",fillcolor=yellow] ;'


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    links = {
        "services/web": {"wants": ["db"], "after": ["db"], "wanted-by": ["../targets/server"],
                         "conflicts": ["old"], "stopped-by": ["../targets/shutdown"]},
        "services/db": {"before": ["old"], "wants": ["sockets"]},
        "services/old": {"wants": ["db"]},
        "services/sockets": {},
        "targets/server": {"wants": ["../services/web"]},
        "targets/shutdown": {},
    }  # fmt: skip
    for name, relations in links.items():
        (tmp_path / name / "service").mkdir(parents=True)
        for relation, others in relations.items():
            (tmp_path / name / relation).mkdir()
            for other in others:
                link = tmp_path / name / relation / os.path.basename(other)
                link.symlink_to(f"../../{other}")
    (tmp_path / "services/old/service/down").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("command", "arrows"),
    [
        ("wants2dot", [("services/web", "services/db"), ("targets/server", "services/web")]),
        ("wanted2dot", [("services/web", "targets/server")]),
        ("ordering2dot", [("services/db", "services/web"), ("services/db", "services/old")]),
        ("conflicts2dot", [("services/old", "services/web")]),
        ("stopped2dot", [("services/web", "targets/shutdown")]),
    ],
)
def test_arrows(
    command: str,
    arrows: list[tuple[str, str]],
    tree: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tree / "services")
    assert run(command, [".", f"{tree}/targets"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert (lines[0], lines[-1]) == ("digraph services {", "}")
    targets = [f'"{tree}/targets/{name}" {SHAPE}' for name in ("server", "shutdown")]
    assert lines[1:3] == targets
    drawn = [f'"{tree}/{one}" -> "{tree}/{other}" ;' for one, other in arrows]
    assert sorted(lines[3:-1]) == sorted(drawn)


def test_names_are_quoted_and_options_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / 'targets/a"b').mkdir(parents=True)
    assert run("wants2dot", [f"{tmp_path}/targets", "/does/not/exist"]) == 0
    assert 'a\\"b" [' in capsys.readouterr().out
    assert run("wants2dot", ["--what"]) == 1
