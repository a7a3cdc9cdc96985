"""Definitions that are read again by themselves: what counts as a change, and what does not."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stoker.linux import Loop, inotify
from stoker.manager import Watching
from stoker.model import Compiled, Definition, Place, Settings


class Rig:
    """A place whose settings lie elsewhere, with a watch on it."""

    def __init__(self, base: Path) -> None:
        self.directory = base / "services"
        self.settings = base / "etc" / "stoker.toml"
        self.directory.mkdir()
        self.errors: list[Exception] = []
        self.loop = Loop(self.errors.append)
        self.readings = 0
        self.troubles: list[str] = []
        where = str(base)
        place = Place(
            "user", [str(self.directory)], where, where, where, [str(self.settings)], where, 0
        )
        self.watching = Watching(self.loop, place, self._changed, self.troubles.append)

    def _changed(self) -> None:
        self.readings += 1

    def follow(self, watch: bool = True, delay: float = 0.001, *known: str) -> None:
        definitions = [
            Definition(f"svc:/{name}:default", source=str(self.directory / name)) for name in known
        ]
        settings = Settings(watch=watch, watch_delay=delay)
        self.watching.follow(Compiled(definitions=definitions, settings=settings))

    def began(self, *known: str) -> None:
        """Watching, with the first reading over."""
        self.follow(True, 0.001, *known)
        self.until(1)

    def until(self, readings: int) -> None:
        end = time.monotonic() + 30

        def after() -> None:
            if self.readings >= readings or time.monotonic() > end:
                self.loop.stop()
            else:
                self.loop.at(time.monotonic_ns() + 2_000_000, lambda: None)

        self.loop.run(after)
        assert self.readings == readings
        assert self.errors == []

    def waits(self) -> bool:
        """Whether what has happened so far counts (the kernel queues a change as it is made)."""
        self.loop.at(time.monotonic_ns(), self.loop.stop)
        self.loop.run()
        return self.watching._timer is not None


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    one = Rig(tmp_path)
    yield one
    one.watching.close()
    one.loop.close()


def test_it_begins_with_a_reading_for_what_was_missed(rig: Rig) -> None:
    rig.began()
    assert rig.troubles[-1] == ""
    assert not rig.waits()


def test_a_definition_written_changed_or_removed_is_read(rig: Rig) -> None:
    rig.began()
    path = rig.directory / "web.toml"
    for number, act in enumerate((lambda: path.write_text("x"), path.touch, path.unlink), 2):
        act()
        rig.until(number)


def test_an_executable_counts_and_so_does_one_that_is_gone(rig: Rig) -> None:
    rig.began("web")
    path = rig.directory / "web"
    path.write_text("#!/bin/sh\n")
    rig.until(2)
    path.unlink()
    rig.until(3)
    other = rig.directory / "other"
    os.close(os.open(other, os.O_CREAT | os.O_WRONLY, 0o755))
    rig.until(4)


def test_what_services_write_does_not_count(rig: Rig) -> None:
    rig.began()
    for name in ("data.db", "web.log", ".web.toml.swp", ".hidden"):
        (rig.directory / name).write_text("x")
    (rig.directory / "data.db").unlink()
    (rig.directory / ".stoker").mkdir()
    assert not rig.waits()


def test_settings_count_even_if_their_directory_is_made_later(rig: Rig) -> None:
    rig.began()
    (rig.settings.parent.parent / "others").mkdir()
    assert not rig.waits()
    rig.settings.parent.mkdir()
    rig.until(2)
    rig.settings.write_text("watch = true\n")
    rig.until(3)
    (rig.settings.parent / "others.toml").write_text("")
    assert not rig.waits()


def test_a_directory_that_goes_and_comes_back(rig: Rig) -> None:
    rig.began()
    rig.directory.rmdir()
    rig.until(2)
    rig.directory.mkdir()
    rig.until(3)
    (rig.directory / "web.toml").write_text("")
    rig.until(4)


def test_what_is_changed_together_is_read_together(rig: Rig) -> None:
    rig.began()
    rig.follow(True, 3600.0)
    for number in range(50):
        (rig.directory / f"s{number}.toml").write_text("")
        assert rig.waits()
    assert rig.readings == 1


def test_turned_off_it_watches_nothing(rig: Rig) -> None:
    rig.began()
    rig.follow(False)
    (rig.directory / "web.toml").write_text("")
    assert not rig.waits()
    assert rig.readings == 1


def test_without_watches_it_is_said(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(inotify.Inotify, "__init__", refuse)
    rig.follow()
    assert "Too many open files" in rig.troubles[-1]
    assert "stoker reload" in rig.troubles[-1]
    assert not rig.waits()
