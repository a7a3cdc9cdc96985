"""Our own settings file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stoker.formats import read_settings
from stoker.model import LogSettings, Mistaken, Role, Settings

ALL = """\
concurrency = 8
reserve = 100
open_files = 5000
watch = true
watch_delay = "2s"
down_timeout = "1m"
history_age = "7d"
history_count = 1000
[environment]
LANG = "C.UTF-8"
[log]
mode = "plain"
[[role]]
may = "operate"
users = ["ada", 1001]
services = ["web*"]
[[role]]
may = "read"
groups = ["*"]
"""


def test_everything(tmp_path: Path, right_by_schema: Any) -> None:
    assert right_by_schema(ALL, "settings")
    path = tmp_path / "stoker.toml"
    path.write_text(ALL)
    assert read_settings([str(path)]) == (
        Settings(
            roles=(
                Role("operate", users=("ada", "1001"), services=("web*",)),
                Role("read", groups=("*",)),
            ),
            concurrency=8,
            reserve=100,
            open_files=5000,
            watch=True,
            watch_delay=2.0,
            down_timeout=60.0,
            environment={"LANG": "C.UTF-8"},
            log=LogSettings("plain"),
            history_age=604800.0,
            history_count=1000,
        ),
        [],
    )


def test_no_file_is_no_mistake(tmp_path: Path) -> None:
    assert read_settings([str(tmp_path / "a")]) == (Settings(), [])


def test_the_first_file_counts(tmp_path: Path) -> None:
    for name, value in (("b", 2), ("c", 3)):
        (tmp_path / name).write_text(f"concurrency = {value}\n")
    paths = [str(tmp_path / name) for name in "abc"]
    assert read_settings(paths)[0].concurrency == 2


def said(tmp_path: Path, text: str) -> tuple[Settings, list[Mistaken]]:
    path = tmp_path / "stoker.toml"
    path.write_text(text)
    return read_settings([str(path)])


@pytest.mark.parametrize(
    ("text", "line", "key", "hint"),
    [
        ("concurency = 1\n", 1, "concurency", "did you mean concurrency?"),
        ("concurrency = 0\n", 1, "concurrency", ""),
        ("watch_delay = 1\n", 1, "watch_delay", 'write the unit: "1s"'),
        ("[[role]]\nmay = 'reed'\nusers = ['a']\n", 2, "role[0].may", 'did you mean "read"?'),
        ("[[role]]\nmay = 'read'\n", 1, "role[0]", 'write users = ["NAME"]'),
        ("[[role]]\nusers = ['a']\n", 1, "role[0]", None),
        ("[log]\nmode = 'file'\npath = '/x'\n", 1, "log", "write it there"),
        ("a = \n", 1, None, None),
    ],
)
def test_mistakes(tmp_path: Path, text: str, line: int, key: str, hint: str | None) -> None:
    _, mistakes = said(tmp_path, text)
    (one,) = mistakes
    assert (one.line, one.key, one.level) == (line, key, "error")
    assert hint is None or one.hint == hint


def test_what_is_right_counts_beside_what_is_wrong(tmp_path: Path) -> None:
    settings, mistakes = said(tmp_path, "concurrency = 7\nreserve = 'x'\n")
    assert settings.concurrency == 7
    assert settings.reserve == Settings().reserve
    assert len(mistakes) == 1


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "stoker.toml").symlink_to("stoker.toml")
    settings, mistakes = read_settings([str(tmp_path / "stoker.toml")])
    assert settings == Settings()
    assert mistakes[0].message.startswith("cannot be read: ")


def test_what_signals_mean(tmp_path: Path, right_by_schema: Any) -> None:
    text = '[signals]\nHUP = "ignore"\nUSR1 = ["web", "w*"]\n"RTMIN+3" = "down"\n'
    assert right_by_schema(text, "settings")
    path = tmp_path / "stoker.toml"
    path.write_text(text)
    default = Settings(signals={1: ("command",), 28: ("command",)})
    settings, mistakes = read_settings([str(path)], default)
    assert mistakes == []
    assert settings.signals == {1: "ignore", 10: ("web", "w*"), 37: "down", 28: ("command",)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('HUP = "dwn"', "is no meaning of a signal"),
        ("HUP = 3", "is no meaning of a signal"),
        ('HOP = "down"', "HOP"),
        ("HUP = [1]", "expected a string"),
    ],
)
def test_what_no_signal_means(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "stoker.toml"
    path.write_text(f"[signals]\n{text}\n")
    settings, (mistake,) = read_settings([str(path)])
    assert settings.signals == {}
    assert message in mistake.message
    assert mistake.line == 2
