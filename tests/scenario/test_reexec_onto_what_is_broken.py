"""What is installed now does not begin: nobody goes over to it, and no service notices."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import h11
import msgspec

import stoker
from stoker.testing import Scenario

COUNT = "N=0; while :; do N=$((N + 1)); echo $N; sleep 0.005; done"


def installed_apart(place: Scenario) -> tuple[Path, Path]:
    """A copy of the package, and an interpreter, at paths of their own; `up` is theirs."""
    package, python = place.base / "installed" / "stoker", place.base / "python"
    shutil.copytree(Path(stoker.__file__).parent, package, ignore=shutil.ignore_patterns(".*"))
    python.symlink_to(os.path.realpath(sys.executable))
    libraries = [str(Path(one.__file__).parent.parent) for one in (msgspec, h11)]
    text = (
        f"import sys; sys.path[:0] = {[str(package.parent), *libraries]!r}; "
        "from stoker.cli import main; sys.exit(main())"
    )
    usual = place.command

    def command(*words: str) -> list[str]:
        line = usual(*words)
        return [str(python), "-I", "-S", "-c", text, *line[2:]] if words[0] == "up" else line

    place.command = command  # type: ignore[method-assign]
    return package, python


def numbers(place: Scenario) -> list[int]:
    return [int(line) for line in place.stoker("logs", "--plain", "count").ok().out.split()]


def test_nobody_goes_over_to_what_does_not_begin(place: Scenario) -> None:
    package, python = installed_apart(place)
    place.script("count", COUNT)
    place.script("one", "exec sleep infinity")
    place.up()
    assert str(package.parent).encode() in Path(f"/proc/{place.keeper()}/cmdline").read_bytes()
    services = place.pid("count"), place.pid("one")
    programs = place.keeper(), place.manager()

    keeper = package / "keeper.py"
    whole = keeper.rename(package / "keeper.whole")
    keeper.write_text("def broken(:\n")
    told = place.stoker("reexec").ended(1).err
    assert "SyntaxError" in told and f'{keeper}", line 1' in told
    why = "nothing was replaced: what is installed now does not begin: SyntaxError"
    assert why in told and why in place.manager_log()
    assert (place.keeper(), place.manager()) == programs
    whole.rename(keeper)

    away = python.rename(place.base / "away")
    assert f"{python}: No such file" in place.stoker("reexec").ended(1).err
    assert (place.keeper(), place.manager()) == programs
    away.rename(python)

    place.until(lambda: numbers(place), "it counts")
    last = numbers(place)[-1]
    place.until(lambda: numbers(place)[-1] > last, "it still counts, and is recorded")
    place.stoker("reexec").ok()
    assert place.manager() != programs[1]
    assert (place.pid("count"), place.pid("one")) == services
    place.down()
    found = numbers(place)
    assert found == list(range(1, len(found) + 1))
