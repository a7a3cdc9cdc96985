"""Words for modes, and the signals of the first process (nosh.md 6.2, 6.4; C60, C67)."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stoker.system import NUMBERS, event_named, event_of
from stoker.system.modes import steps


@pytest.mark.parametrize(
    ("words", "event"),
    [
        ("", ""),
        ("quiet splash", ""),
        ("2", "normal"),
        ("3", "normal"),
        ("5", "normal"),
        ("auto", "normal"),
        ("-s", "rescue"),
        ("S", "rescue"),
        ("single", "rescue"),
        ("rescue 3", "rescue"),
        ("-b", "emergency"),
        ("emergency single", "emergency"),
        ("0", "poweroff"),
        ("6", "reboot"),
        ("h", "halt"),
        ("c", "powercycle"),
        ("halt reboot", "reboot"),
        ("-o", "update"),
    ],
)
def test_the_highest_word_counts(words: str, event: str) -> None:
    assert event_of(words.split())[0] == event


def test_what_is_not_understood_is_told_and_what_others_took_is_passed_over() -> None:
    assert event_of(["-a", "-f", "-z", "xxxx", "nonsense", "q"]) == ("", ["nonsense", "q"])


def test_a_boot_has_two_steps_unless_it_is_an_emergency() -> None:
    assert steps("") == ("sysinit", "normal")
    assert steps("rescue") == ("sysinit", "rescue")
    assert steps("emergency") == ("emergency",)


def test_signals_are_those_of_nosh() -> None:
    first = signal.SIGRTMIN
    numbers = {0: "normal", 1: "rescue", 2: "emergency", 3: "halt", 4: "poweroff", 5: "reboot",
               7: "powercycle", 10: "sysinit", 13: "fast-halt", 14: "fast-poweroff",
               15: "fast-reboot", 17: "fast-powercycle"}  # fmt: skip
    assert {number: event_named(first + number) for number in numbers} == numbers
    assert event_named(signal.SIGINT) == "secure-attention-key"
    assert event_named(signal.SIGWINCH) == "kbrequest"
    assert event_named(signal.SIGPWR) == "powerfail"
    assert event_named(signal.SIGTERM) == event_named(first + 6) == event_named(first + 16) == ""
    assert len(set(NUMBERS.values())) == len(NUMBERS)


def test_update_is_a_program_where_the_machine_is_up(tmp_path: Path) -> None:
    code = "import sys; from stoker.system import init; sys.exit(init(['-o']))"

    def asked() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code],
            env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False,
        )  # fmt: skip

    done = asked()
    assert (done.returncode, done.stderr) == (
        1, "init: the program update: No such file or directory\n"
    )  # fmt: skip
    program = tmp_path / "update"
    program.write_text("#!/bin/sh\necho updated; exit 7\n")
    program.chmod(0o755)
    done = asked()
    assert (done.returncode, done.stdout) == (7, "updated\n")
