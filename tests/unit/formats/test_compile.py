"""A place compiled: checks across files, what stays when files break, the process of a reload."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import stoker
from stoker.formats import compile_place, write_compiled
from stoker.model import LogSettings, decode_compiled, encode_compiled, project_place

TOML = 'exec_start = ["prog"]\n'


def needs(*targets: str) -> str:
    return TOML + f"[[dependency]]\ntargets = [{', '.join(repr(one) for one in targets)}]\n"


def test_a_target_that_does_not_exist_is_a_warning(box: Any) -> None:
    path = box.toml("web", needs("stroe"))
    box.script("store")
    compiled = box.compile()
    (one,) = compiled.mistakes
    assert (one.level, one.file, one.line, one.key) == (
        "warning",
        str(path),
        3,
        "dependency[0].targets[0]",
    )
    assert one.message == 'there is no service "stroe"'
    assert one.hint == 'did you mean "store"?'
    assert len(compiled.definitions) == 2


def test_every_relation_is_looked_at(box: Any) -> None:
    keys = ("after", "before", "wants", "wanted_by", "conflicts")
    box.toml("web", TOML + "".join(f'{key} = ["absent-{key}"]\n' for key in keys))
    assert [one.key for one in box.compile().mistakes] == [f"{key}[0]" for key in keys]


def test_an_instance_that_does_not_exist(box: Any) -> None:
    box.toml("web", needs("db:green"))
    box.toml("db", TOML + "[instances.blue]\n")
    (one,) = box.compile().mistakes
    assert one.message == '"db:green": there is no such instance'
    assert one.hint == "there is db:blue"


def test_a_target_whose_file_is_broken_is_not_absent_too(box: Any) -> None:
    box.toml("web", needs("db", "db:default"))
    box.toml("db", "half = ")
    (one,) = box.compile().mistakes
    assert one.file == str(box.directory / "db.toml")


def test_files_inputs_and_oneself_are_no_missing_targets(box: Any) -> None:
    box.toml("web", needs("file:///no/such", "input:NEVER", "web"))
    assert box.compile().mistakes == []


def test_an_absent_target_that_instances_inherit_is_told_once(box: Any) -> None:
    box.toml("web", needs("absent") + "[instances.a]\n[instances.b]\n")
    assert len(box.compile().mistakes) == 1


def test_many_absent_targets_cost_little(box: Any) -> None:
    """Every hint compares a name with all others: there is an end to that."""
    for number in range(300):
        box.toml(f"s{number}", needs(*(f"absent{number}-{n}" for n in range(20))))
    compiled = box.compile()
    assert len(compiled.mistakes) == 6000


def test_definitions_come_in_one_order(box: Any) -> None:
    for name in ("c", "a", "b"):
        box.script(name)
    compiled = box.compile()
    assert [one.fmri for one in compiled.definitions] == [f"svc:/{n}:default" for n in "abc"]
    assert encode_compiled(compiled) == encode_compiled(box.compile())


# -- read again for a running manager


def test_a_broken_file_keeps_its_old_definition(box: Any) -> None:
    box.toml("web", TOML)
    before = box.compile()
    box.toml("web", TOML + "half = ")
    after = box.compile(before)
    assert after.definitions == before.definitions
    assert after.kept == ["svc:/web:default"]
    assert [one.level for one in after.mistakes] == ["error"]
    # For a new manager there is nothing to keep.
    assert box.compile().definitions == []


def test_a_second_definition_of_a_name_keeps_the_old_one(box: Any) -> None:
    box.toml("web", TOML)
    before = box.compile()
    box.script("web")
    after = box.compile(before)
    assert after.definitions == before.definitions
    assert len(after.errors) == 2


def test_a_file_that_is_gone_is_gone(box: Any) -> None:
    path = box.toml("web", TOML)
    box.script("other")
    before = box.compile()
    path.unlink()
    after = box.compile(before)
    assert [one.fmri for one in after.definitions] == ["svc:/other:default"]
    assert after.kept == []


def test_a_link_that_leads_nowhere_now_keeps_the_old_one(box: Any) -> None:
    box.directory.parent.joinpath("real.toml").write_text(TOML)
    (box.directory / "web.toml").symlink_to("../real.toml")
    before = box.compile()
    box.directory.parent.joinpath("real.toml").unlink()
    assert box.compile(before).kept == ["svc:/web:default"]


def test_a_directory_removed_while_running_stops_nothing(box: Any) -> None:
    box.script("a")
    box.toml("b", TOML)
    before = box.compile()
    shutil.rmtree(box.directory)
    after = box.compile(before)
    assert after.definitions == before.definitions
    (one,) = after.mistakes
    assert one.file == str(box.directory)
    assert "its 2 services go on as before" in one.message
    # And once more, from what was kept.
    assert box.compile(after).definitions == before.definitions


def test_a_mended_file_is_taken(box: Any) -> None:
    box.toml("web", TOML)
    before = box.compile()
    box.toml("web", "half = ")
    broken = box.compile(before)
    box.toml("web", TOML + 'description = "new"\n')
    after = box.compile(broken)
    assert [one.description for one in after.definitions] == ["new"]
    assert after.kept == [] and after.mistakes == []


def test_broken_settings_keep_the_old_ones(box: Any) -> None:
    box.script("a")
    settings = box.directory / ".stoker.toml"
    settings.write_text("concurrency = 3\n")
    before = box.compile()
    settings.write_text("concurrency = \n")
    after = box.compile(before)
    assert after.settings.concurrency == 3
    assert [one.file for one in after.errors] == [str(settings)]


# -- the settings' log default


def test_the_settings_say_how_logs_are_kept(box: Any) -> None:
    (box.directory / ".stoker.toml").write_text('[log]\nmode = "json"\ncount = 2\n')
    box.script("a")
    box.toml("b", TOML + "[log]\ncount = 9\n")
    one, two = box.compile().definitions
    assert one.log == LogSettings("json", count=2)
    assert two.log == LogSettings("json", count=9)


# -- the process


def run(runtime: Path) -> subprocess.CompletedProcess[str]:
    """As the manager starts it: isolated, and without site."""
    path = [entry for entry in [str(Path(stoker.__file__).parents[1]), *sys.path] if entry]
    code = f"import sys; sys.path[:0] = {path!r}\n"
    code += "from stoker.formats import compile_main; compile_main()"
    argv = [sys.executable, "-I", "-S", "-c", code, str(runtime)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=100)


@pytest.fixture
def runtime(box: Any, tmp_path: Path) -> Path:
    folder = tmp_path / "r"
    folder.mkdir()
    place = project_place(str(box.directory), {"HOME": "/nowhere"}, os.getuid())
    place.runtime = str(folder)
    (folder / "place.json").write_text(place.to_json())
    return folder


def test_the_process_replaces_the_blob(box: Any, runtime: Path) -> None:
    box.toml("web", TOML)
    done = run(runtime)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    first = decode_compiled((runtime / "definitions").read_bytes())
    assert [one.fmri for one in first.definitions] == ["svc:/web:default"]
    box.toml("web", "half = ")
    assert run(runtime).returncode == 0
    second = decode_compiled((runtime / "definitions").read_bytes())
    assert second.kept == ["svc:/web:default"] and second.errors
    assert sorted(os.listdir(runtime)) == ["definitions", "place.json"]


def test_what_is_given_another_directory_changes_nothing_else(box: Any, runtime: Path) -> None:
    box.toml("web", TOML)
    assert run(runtime).returncode == 0
    apart = runtime / "apart"
    apart.mkdir()
    for name in ("place.json", "definitions"):
        (apart / name).write_bytes((runtime / name).read_bytes())
    before = (runtime / "definitions").read_bytes()
    box.toml("web", "half = ")
    assert run(apart).returncode == 0
    assert (runtime / "definitions").read_bytes() == before
    found = decode_compiled((apart / "definitions").read_bytes())
    assert found.kept == ["svc:/web:default"] and found.errors


def test_a_damaged_blob_only_means_that_nothing_is_kept(box: Any, runtime: Path) -> None:
    box.toml("web", TOML)
    (runtime / "definitions").write_bytes(b"\0garbage")
    assert run(runtime).returncode == 0
    assert decode_compiled((runtime / "definitions").read_bytes()).kept == []


def test_without_a_place_it_says_so(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("the definitions could not be compiled: ")


def test_a_blob_that_cannot_be_written_leaves_the_old_one(box: Any, tmp_path: Path) -> None:
    target = tmp_path / "definitions"
    target.mkdir()
    with pytest.raises(OSError):
        write_compiled(box.compile(), str(target))
    assert os.listdir(target) == [] and sorted(os.listdir(tmp_path)) == ["definitions", "services"]


def test_the_examples_have_no_mistake() -> None:
    examples = Path(__file__).resolve().parents[3] / "examples"
    for name in ("quickstart", "debian"):
        place = project_place(str(examples / name), {"HOME": "/nowhere"}, 1000, runtime="/run/x")
        compiled = compile_place(place)
        # Debian's programs need not be installed here, which is a warning.
        assert compiled.errors == []
        assert len(compiled.definitions) == 4
