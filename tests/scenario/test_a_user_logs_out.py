"""A user's runtime directory is removed with his last session and made anew by the next one. What
he had started goes on, and no second manager is started beside it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from stoker.testing import Scenario
from stoker.testing.scenario import Result


class OfUser(Scenario):
    """A user's place, with directories of its own."""

    def __init__(self) -> None:
        super().__init__()
        config = self.base / "c"
        self.directory = config / "stoker" / "services"
        self.directory.mkdir(parents=True)
        self.session = self.base / "x"
        self.runtime = self.session / "stoker"
        del self.environment["STOKER_RUNTIME_DIR"]
        self.environment |= {
            "HOME": str(self.base),
            "XDG_CONFIG_HOME": str(config),
            "XDG_STATE_HOME": str(self.base / "s"),
        }
        self.log_in()

    def log_in(self) -> None:
        self.session.mkdir(mode=0o700)
        self.environment["XDG_RUNTIME_DIR"] = str(self.session)

    def command(self, *words: str) -> list[str]:
        program, stoker, *_rest = super().command()
        return [program, stoker, "--user", *words]

    def up(self, *words: str, status: int = 0, timeout: float = 60.0) -> Result:
        return self.stoker("up", "-d", *words, timeout=timeout).ended(status)


@pytest.fixture
def user() -> Iterator[OfUser]:
    with OfUser() as scenario:
        yield scenario


def test_he_finds_it_again_and_starts_no_second_one(user: OfUser) -> None:
    user.script("web", "exec sleep infinity")
    user.up()
    pid, keeper, manager = user.pid("web"), user.keeper(), user.manager()
    try:
        shutil.rmtree(user.session)
        user.log_in()
        busy = user.up(status=1)
        assert str(keeper) in busy.err
        assert "stoker --user down" in busy.err
        assert (user.pid("web"), user.manager()) == (pid, manager)
    finally:
        user.down()
        user.gone(keeper)
    user.gone(pid)
    user.up()
    assert user.keeper() != keeper
    user.down()


def test_nor_where_his_session_has_another_runtime_directory(user: OfUser, tmp_path: Path) -> None:
    user.script("web", "exec sleep infinity")
    user.up()
    pid, manager = user.pid("web"), user.manager()
    user.environment["XDG_RUNTIME_DIR"] = str(tmp_path)  # as cron or su give him none, say
    assert (user.pid("web"), user.manager()) == (pid, manager)
    user.up()
    assert user.manager() == manager
    user.down()
    user.gone(pid)


def test_nor_where_it_has_another_one_since_the_first_was_removed(user: OfUser) -> None:
    user.script("web", "exec sleep infinity")
    user.up()
    pid, keeper, manager = user.pid("web"), user.keeper(), user.manager()
    try:
        shutil.rmtree(user.session)
        user.session = user.base / "y"
        user.log_in()
        busy = user.up(status=1)
        assert str(keeper) in busy.err
        assert "stoker --user down" in busy.err
        assert (user.pid("web"), user.manager()) == (pid, manager)
    finally:
        user.down()
        user.gone(keeper)
    user.gone(pid)
    user.up()
    user.down()
