"""The project's directory is removed under a running place: it goes on, and can be reached."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from stoker.testing import Scenario


@pytest.fixture
def inside() -> Scenario:
    """A place with its runtime directory inside of the project, where it is by default."""
    place = Scenario()
    place.directory = Path(place.base) / "p"
    place.directory.mkdir()
    place.runtime = place.directory / ".stoker" / "run"
    del place.environment["STOKER_RUNTIME_DIR"]
    return place


def removed(path: Path) -> bool:
    shutil.rmtree(path, ignore_errors=True)
    return not path.exists()


def test_what_runs_goes_on_and_obeys(inside: Scenario) -> None:
    with inside as place:
        place.script("web", "while :; do echo something to keep; sleep 0.05; done")
        place.up()
        pid, keeper = place.pid("web"), place.keeper()
        try:
            # Of the directories inside, one may be made again while it is removed.
            place.until(lambda: removed(place.directory), "the project is removed")
            assert place.pid("web") == pid
            place.stoker("restart", "web").ended(1)  # there is no script any more, and it says so
            # A new directory of that name is not mistaken for the old one, nor started beside it.
            place.directory.mkdir()  # nothing of ours has made it again
            place.script("web", "exec sleep infinity")
            busy = place.stoker("up", "-d", str(place.directory)).ended(1)
            assert str(keeper) in busy.err
            assert "down" in busy.err
        finally:
            place.down()
        place.gone(keeper)
        place.gone(pid)
        place.up()
        assert place.keeper() != keeper
