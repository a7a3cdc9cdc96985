"""What a directory holds: whose each name is, and what is left aside."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from stoker.formats import Surroundings
from stoker.formats.directory import read_directories

TOML = 'exec_start = ["prog"]\n'
SCRIPT = "#!/bin/sh\n"


def test_what_is_ignored(box: Any) -> None:
    box.script("web")
    for name in ("web~", "#web#", "web.swp", "web.toml.bak", "web.dpkg-old", "x.orig", "y.rpmsave"):
        box.script(name)
    box.script(".hidden")
    (box.directory / "README").write_text("words")
    (box.directory / "app").mkdir()
    (box.directory / "bundle").mkdir()
    (box.directory / "bundle" / "README").write_text(SCRIPT)
    os.mkfifo(box.directory / "pipe.toml")
    (box.directory / ".stoker").mkdir()
    (box.directory / ".stoker.toml").write_text("")
    (box.directory / "dangling").symlink_to("nowhere")
    compiled = box.compile()
    assert compiled.mistakes == []
    assert [one.fmri for one in compiled.definitions] == ["svc:/web:default"]
    found = {Path(path).name: why for path, why in compiled.ignored}
    left = "left over by an editor or a package"
    assert found == {
        "web~": left,
        "#web#": left,
        "web.swp": left,
        "web.toml.bak": left,
        "web.dpkg-old": left,
        "x.orig": left,
        "y.rpmsave": left,
        ".hidden": "its name begins with a dot",
        "README": "not executable, and neither NAME.toml nor NAME.xml",
        "app": "a directory without run",
        "bundle": "a directory without run",
        "pipe.toml": "neither a file nor a directory",
        "dangling": "cannot be looked at: No such file or directory",
    }


def test_one_name_twice_is_refused(box: Any) -> None:
    box.toml("web", TOML)
    box.script("web")
    box.script("other")
    compiled = box.compile()
    assert [one.fmri for one in compiled.definitions] == ["svc:/other:default"]
    assert [(Path(one.file).name, one.message, one.hint) for one in compiled.mistakes] == [
        ("web", f"web is defined twice in {box.directory}", "also by web.toml"),
        ("web.toml", f"web is defined twice in {box.directory}", "also by web"),
    ]


def test_one_name_twice_is_refused_whichever_instances_each_has(box: Any) -> None:
    box.toml("web", TOML + "[instances.blue]\n[instances.green]\n")
    box.script("web")
    compiled = box.compile()
    assert compiled.definitions == []
    assert {(Path(one.file).name, one.message.split()[0], one.hint) for one in compiled.errors} == {
        ("web", "web", "also by web.toml"),
        ("web.toml", "web:blue", "also by web"),
        ("web.toml", "web:green", "also by web"),
    }


def test_one_id_twice_is_refused(box: Any) -> None:
    box.toml("a", TOML + 'id = "x/y"\n')
    box.toml("b", TOML + 'id = "x/y"\n')
    compiled = box.compile()
    assert compiled.definitions == []
    assert [one.hint for one in compiled.mistakes] == ["also by b.toml", "also by a.toml"]


def test_an_instance_twice_is_refused(box: Any) -> None:
    box.toml("web", TOML + "[instances.blue]\n[instances.green]\n")
    box.toml("web@blue", TOML)
    assert box.compile().definitions == []
    assert len(box.compile().errors) == 2


def test_instances_of_one_service_in_several_files(box: Any) -> None:
    box.toml("web", TOML)
    box.toml("web@blue", TOML)
    assert [one.fmri for one in box.compile().definitions] == ["svc:/web:blue", "svc:/web:default"]


def test_a_broken_file_still_has_its_name(box: Any) -> None:
    """Its script of the same name does not take its place unseen."""
    box.toml("web", "half = ")
    box.script("web")
    compiled = box.compile()
    assert compiled.definitions == []
    assert sum("twice" in one.message for one in compiled.mistakes) == 2


def test_the_first_directory_wins(tmp_path: Path) -> None:
    first, second = tmp_path / "etc", tmp_path / "lib"
    for directory in (first, second):
        directory.mkdir()
        (directory / "web.toml").write_text(TOML + f'description = "{directory.name}"\n')
    (second / "db.toml").write_text(TOML)
    found = read_directories([str(first), str(second)], Surroundings())
    assert [(one.fmri, one.description) for one in found.definitions] == [
        ("svc:/web:default", "etc"),
        ("svc:/db:default", ""),
    ]
    assert found.ignored == [(str(second / "web.toml"), f"hidden by {first}/web.toml")]
    assert found.mistakes == []


def test_a_broken_file_in_the_first_directory_hides_too(tmp_path: Path) -> None:
    first, second = tmp_path / "etc", tmp_path / "lib"
    for directory, text in ((first, "half = "), (second, TOML)):
        directory.mkdir()
        (directory / "web.toml").write_text(text)
    found = read_directories([str(first), str(second)], Surroundings())
    assert found.definitions == []
    assert len(found.mistakes) == 1


def test_a_file_hides_all_of_the_one_of_its_name(tmp_path: Path) -> None:
    first, second = tmp_path / "etc", tmp_path / "lib"
    for directory, text in ((first, TOML), (second, TOML + "[instances.blue]\n")):
        directory.mkdir()
        (directory / "web.toml").write_text(text)
    found = read_directories([str(first), str(second)], Surroundings())
    assert [one.fmri for one in found.definitions] == ["svc:/web:default"]


def test_a_file_that_cannot_be_read(box: Any) -> None:
    (box.directory / "loop.toml").symlink_to("loop.toml")
    (box.directory / "gone.toml").symlink_to("nowhere")
    (box.directory / "dir.toml").mkdir()
    compiled = box.compile()
    assert [Path(one.file).name for one in compiled.mistakes] == ["gone.toml", "loop.toml"]
    assert all(one.level == "error" for one in compiled.mistakes)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_leave_to_read(box: Any) -> None:
    box.toml("web", TOML).chmod(0)
    (one,) = box.compile().mistakes
    assert one.message == "cannot be read: Permission denied"


def test_the_kernels_refusal_becomes_a_mistake(box: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is for an ordinary user, whoever runs this."""
    path = str(box.toml("web", TOML))
    opened = os.open

    def refuse(name: Any, *rest: Any, **more: Any) -> int:
        if name == path:
            raise PermissionError(13, "Permission denied", name)
        return opened(name, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)
    (one,) = box.compile().mistakes
    assert (one.message, one.file) == ("cannot be read: Permission denied", path)


def test_a_missing_directory(box: Any) -> None:
    box.directory.rmdir()
    compiled = box.compile()
    (one,) = compiled.mistakes
    assert (one.message, one.level) == ("there is no such directory", "error")
    assert one.file == str(box.directory)


def test_a_file_instead_of_a_directory(box: Any) -> None:
    box.directory.rmdir()
    box.directory.write_text("")
    (one,) = box.compile().mistakes
    assert one.message.startswith("cannot be read as a directory: ")


def test_an_empty_directory(box: Any) -> None:
    compiled = box.compile()
    (one,) = compiled.mistakes
    assert (one.message, one.level) == ("there is nothing here to run", "warning")
    assert "stoker new" in one.hint


def test_directories_that_need_not_be_there(tmp_path: Path) -> None:
    there, absent = tmp_path / "there", str(tmp_path / "absent")
    there.mkdir()
    found = read_directories([absent, str(there)], Surroundings(), needed=False)
    assert found.mistakes == [] and found.gone == [absent]
    found = read_directories([absent], Surroundings(), needed=False)
    assert [one.level for one in found.mistakes] == ["warning"]


def test_a_fault_of_ours_is_one_files_mistake(box: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from stoker.formats.native import Native

    read = Native.read

    def faulty(self: Any, entry: Any, surroundings: Any) -> Any:
        if entry.name == "a.toml":
            raise ZeroDivisionError("of ours")
        return read(self, entry, surroundings)

    monkeypatch.setattr(Native, "read", faulty)
    box.toml("a", TOML)
    box.toml("b", TOML)
    compiled = box.compile()
    assert [one.fmri for one in compiled.definitions] == ["svc:/b:default"]
    assert [one.message for one in compiled.mistakes] == [
        "cannot be understood: ZeroDivisionError: of ours"
    ]
