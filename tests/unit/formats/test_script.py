"""Executable files as services."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from stoker.formats import compile_place
from stoker.model import Definition, Step


def test_a_script_is_a_child_that_is_always_restarted(box: Any) -> None:
    path = box.script("web")
    compiled = box.compile()
    assert compiled.mistakes == []
    (one,) = compiled.definitions
    assert one == Definition(
        "svc:/web:default", format="script", source=str(path), start=(Step((str(path),)),)
    )
    assert (one.model, one.ends, one.ready.kind, one.restart.when) == (
        "child",
        "main",
        "spawn",
        "always",
    )


def test_its_name_may_be_anything(box: Any) -> None:
    box.script("my web@blue")
    box.script("start.sh")
    assert [one.fmri for one in box.compile().definitions] == [
        "svc:/my%20web:blue",
        "svc:/start.sh:default",
    ]


def test_a_program_is_no_script(box: Any) -> None:
    (box.directory / "prog").symlink_to(os.path.realpath(sys.executable))
    compiled = box.compile()
    assert compiled.mistakes == []
    assert [one.fmri for one in compiled.definitions] == ["svc:/prog:default"]


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("sleep 1\n", "has no #! line", "a script begins with #!/bin/sh"),
        ("", "is empty", "a script begins with #!/bin/sh"),
        ("#!\nx\n", "names no interpreter after #!", "write #!/bin/sh"),
        ("#!/no/such/sh\n", "there is no interpreter /no/such/sh", "is it installed?"),
        ("#! /no/such/sh -e\n", "there is no interpreter /no/such/sh", "is it installed?"),
        (
            "#!/bin/sh\r\nx\r\n",
            "its first line ends with a carriage return",
            "save it with unix line ends",
        ),
        (
            "\ufeff#!/bin/sh\n",
            "begins with a byte order mark",
            "save it without: #! must come first",
        ),
    ],
)
def test_what_the_kernel_would_refuse(box: Any, text: str, message: str, hint: str) -> None:
    path = box.script("bad", text)
    compiled = box.compile()
    assert compiled.definitions == []
    (one,) = compiled.mistakes
    assert (one.message, one.hint, one.level) == (message, hint, "error")
    assert (one.file, one.line) == (str(path), 1)


@pytest.mark.parametrize(
    ("text", "shell"),
    [
        ("exec sleep 1\n", True),
        ("", True),
        ("#!\nx\n", True),
        ("\ufeff#!/bin/sh\n", True),
        ("#!/no/such/sh\n", False),
    ],
)
def test_sysmgr_runs_it_as_execvp_does_or_tries_it_again(box: Any, text: str, shell: bool) -> None:
    path = box.script("web", text)
    place = box.place
    place.published = str(box.directory / "run")
    compiled = compile_place(place)
    assert [one.level for one in compiled.mistakes] == ["warning"]
    (one,) = compiled.definitions
    assert one.start == (Step(("/bin/sh", str(path)) if shell else (str(path),)),)


def test_what_env_may_not_find_is_a_warning(box: Any) -> None:
    box.script("web", "#!/usr/bin/env no-such-program-here\n")
    compiled = box.compile()
    assert [one.level for one in compiled.mistakes] == ["warning"]
    assert len(compiled.definitions) == 1


def test_what_is_no_text_and_no_program_is_a_warning(box: Any) -> None:
    box.script("web", b"MZ\0\0")
    compiled = box.compile()
    assert [one.level for one in compiled.mistakes] == ["warning"]
    assert len(compiled.definitions) == 1


def test_not_executable(box: Any) -> None:
    (box.directory / "web").write_text("#!/bin/sh\n")
    compiled = box.compile()
    assert compiled.definitions == []
    assert compiled.ignored == [
        (str(box.directory / "web"), "not executable, and neither NAME.toml nor NAME.xml"),
    ]


def test_a_name_that_is_not_utf8(box: Any) -> None:
    path = os.fsencode(box.directory) + b"/\xff"
    with open(path, "wb") as file:
        file.write(b"#!/bin/sh\n")
    os.chmod(path, 0o755)
    compiled = box.compile()
    (one,) = compiled.mistakes
    assert one.message == "its path is not UTF-8"
    assert one.file is not None and one.file.endswith("\\xff")
    assert compiled.definitions == []


def test_a_thousand_scripts_share_what_they_have_in_common(box: Any) -> None:
    for number in range(1000):
        box.script(f"s{number:03}")
    compiled = box.compile()
    assert len(compiled.definitions) == 1000
    first = compiled.definitions[0]
    assert all(
        one.restart is first.restart and one.log is first.log for one in compiled.definitions
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_script_that_cannot_be_read(box: Any) -> None:
    box.script("web").chmod(0o111)
    (one,) = box.compile().mistakes
    assert one.hint == "a script must be readable to be run"


def test_one_that_vanishes_while_it_is_read(box: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path: Path = box.script("web")
    opened = os.open

    def gone(name: Any, *rest: Any, **more: Any) -> int:
        if name == str(path):
            path.unlink()
        return opened(name, *rest, **more)

    monkeypatch.setattr(os, "open", gone)
    (one,) = box.compile().mistakes
    assert one.message.startswith("cannot be read: ")
