"""S15: a definition edited and reverted restarts nothing; nor does a new description alone."""

from __future__ import annotations

from stoker.testing import Scenario

WEB = 'exec_start = ["sleep", "infinity"]\ndescription = "%s"\n'


def test_reload_touches_only_what_changed(place: Scenario) -> None:
    path = place.toml("web", WEB % "first")
    place.toml("db", 'exec_start = ["sleep", "infinity"]\n')
    place.up()
    web, db = place.pid("web"), place.pid("db")

    path.write_text(WEB % "first" + 'environment = { A = "1" }\n')
    path.write_text(WEB % "first")
    place.stoker("reload").ok()
    assert (place.pid("web"), place.pid("db")) == (web, db)

    path.write_text(WEB % "second")
    told = place.stoker("reload").ok().out
    assert (place.pid("web"), place.pid("db")) == (web, db)
    assert place.instance("web")["description"] == "second"
    assert "web" in told and "description" in told

    path.write_text(WEB % "second" + 'environment = { A = "1" }\n')
    told = place.stoker("reload").ok().out
    assert "environment" in told
    place.until(lambda: place.instance("web")["pid"] not in (web, None), "web has a new process")
    assert place.pid("db") == db

    path.unlink()
    place.stoker("reload").ok()
    assert "web" not in place.instances()
    assert place.pid("db") == db


def test_a_broken_edit_changes_nothing(place: Scenario) -> None:
    path = place.toml("web", WEB % "first")
    place.up()
    pid = place.pid("web")
    path.write_text("exec_start = [")
    done = place.stoker("reload")
    assert done.status == 1
    assert "web.toml:1" in done.out + done.err
    assert place.pid("web") == pid
    path.write_text(WEB % "mended")
    place.stoker("reload").ok()
    assert place.pid("web") == pid
    assert place.instance("web")["description"] == "mended"
