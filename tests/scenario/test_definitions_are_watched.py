"""With `watch = true` in the settings, a changed file needs no `stoker reload`."""

from __future__ import annotations

from stoker.testing import Scenario

SLEEP = 'exec_start = ["sleep", "infinity"]\n'


def test_a_change_is_read_by_itself_and_touches_nothing_else(place: Scenario) -> None:
    (place.directory / ".stoker.toml").write_text('watch = true\nwatch_delay = "20ms"\n')
    place.toml("db", SLEEP)
    web = place.toml("web", SLEEP)
    place.up()
    db = place.pid("db")

    place.toml("new", SLEEP)
    place.until(lambda: "new" in place.instances(), "new is known")
    place.wait_for("new", "online")

    web.unlink()
    place.until(lambda: "web" not in place.instances(), "web is gone")

    assert place.pid("db") == db
    said = place.stoker("events").ok().out
    assert "reload by a change of files" in said
