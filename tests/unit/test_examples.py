"""The examples that we ship are read without a mistake, and hold the services that they say."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from stoker.formats import compile_place
from stoker.model import Mistaken, project_place

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SERVICES = {
    "quickstart": {"store", "worker", "web", "ticker"},
    "debian": {"directories", "postgres", "redis", "nginx"},
    "smf": {
        *("site/directories", "system/cron", "network/ssh", "network/http"),
        "application/postgresql",
    },
    "restarter": {"plain", "hello"},
    "container/services": {"web", "worker"},
}


@pytest.mark.parametrize("name", SERVICES)
def test_the_example_is_read_without_a_mistake(name: str, tmp_path: Path) -> None:
    directory = tmp_path / name
    shutil.copytree(
        EXAMPLES / name, directory, ignore=shutil.ignore_patterns(".data", ".stoker", "__pycache__")
    )
    compiled = compile_place(project_place(str(directory), {}, os.getuid()))
    assert [one for one in compiled.mistakes if not is_absence(one)] == []
    found = {one.fmri for one in compiled.definitions}
    assert found == {f"svc:/{service}:default" for service in SERVICES[name]}


def is_absence(one: Mistaken) -> bool:
    """Whether nginx and the others are installed is this machine's affair."""
    return one.level == "warning" and one.hint.startswith("is it installed?")


def test_every_directory_is_an_example() -> None:
    known = {name.partition("/")[0] for name in SERVICES}
    assert {path.name for path in EXAMPLES.iterdir() if path.is_dir()} == known
