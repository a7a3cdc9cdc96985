"""init, halt, reboot, shutdown …: what their words mean, and that another init is left alone."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from stoker.compat import run
from stoker.compat.machine.shutdown import Order, moment, understand, warnings
from stoker.errors import Failed, UsageError
from stoker.system import is_first, tell_user

NOW = 1_000_000_000.0


def order(text: str) -> Order:
    return understand(text.split(), NOW)


def test_words_of_shutdown() -> None:
    assert order("now") == Order("poweroff", NOW, "", False)
    assert order("-r +5 a new kernel") == Order("reboot", NOW + 300.0, "a new kernel", False)
    assert order("-H now") == Order("halt", NOW, "", False)
    assert order("-h -t 5 now") == Order("poweroff", NOW, "", False)
    assert order("-k --no-wall 3 it is late") == Order("", NOW + 180.0, "it is late", True)
    assert order("-c never mind") == Order("cancel", NOW, "never mind", False)
    assert order("-P").at == NOW + 60.0, "without a time in a minute"


def test_a_time_of_day_is_the_next_one() -> None:
    now = time.mktime((2026, 3, 5, 22, 30, 0, 0, 0, -1))
    assert moment("22:30", now) == now
    assert moment("23:15", now) == now + 45 * 60
    assert time.localtime(moment("01:00", now))[:5] == (2026, 3, 6, 1, 0)


@pytest.mark.parametrize("word", ["soon", "25:00", "12:60", "-5", "+", "1e3", "99999999"])
def test_what_is_no_time_is_refused(word: str) -> None:
    with pytest.raises(UsageError):
        moment(word, NOW)


def test_people_are_told_again_as_it_comes_nearer() -> None:
    told = warnings(NOW, NOW + 600.0)
    assert told == [NOW + 300.0, NOW + 480.0, NOW + 540.0]
    assert warnings(NOW, NOW + 30.0) == []


@pytest.mark.parametrize(
    "words",
    ["halt", "poweroff -f", "reboot", "reboot -ff", "halt -f -f", "powercycle", "shutdown now",
     "shutdown -c", "init 6", "telinit 1", "telinit q", "system-control reboot",
     "system-control emergency"],
)  # fmt: skip
def test_a_machine_with_another_init_is_left_alone(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if is_first():
        pytest.skip("this machine is run by stoker")
    name, *arguments = words.split()
    assert run(name, arguments) == 1
    assert "stoker" in capsys.readouterr().err


def test_a_users_manager_is_told_by_one_byte(tmp_path: Path) -> None:
    path = tmp_path / "control"
    with pytest.raises(Failed):
        tell_user("halt", str(path))
    os.mkfifo(path)
    with pytest.raises(Failed):
        tell_user("halt", str(path))
    end = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    for event in ("halt", "fast-reboot", "normal"):
        tell_user(event, str(path))
    with pytest.raises(Failed):
        tell_user("rescue", str(path))
    assert os.read(end, 10) == b"hRn"
    os.close(end)


def test_words_that_nobody_knows_do_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("reboot", ["--soon"]) == 1
    assert "'--soon' is not understood" in capsys.readouterr().err
    assert run("init", ["sideways"]) == 1
    assert "sideways: not understood" in capsys.readouterr().err
