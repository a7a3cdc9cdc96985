"""Several directories of definitions, read again by themselves: what changed is touched, what did
not is left alone, and what became bad goes on.
"""

from __future__ import annotations

from stoker.testing import Scenario

SLEEP = 'exec_start = ["sleep", "%s"]\n'


def test_each_change_of_files_touches_what_it_is_about(place: Scenario) -> None:
    more = place.base / "more"
    more.mkdir()
    (place.directory / ".stoker.toml").write_text(
        f'directories = ["{more}"]\nwatch = true\nwatch_delay = "50ms"\n'
    )
    first = place.toml("both", SLEEP % "1001")
    (more / "both.toml").write_text(SLEEP % "1002")
    (more / "other.toml").write_text(SLEEP % "1003")
    (more / "gone.toml").write_text(SLEEP % "1004")
    place.up()
    pids = {name: row["pid"] for name, row in place.instances().items()}
    assert set(pids) == {"both", "other", "gone"}
    assert "1001" in place.stoker("cat", "both").out

    # Added: started. Removed: stopped. An editor that writes twice is read when it is quiet.
    (more / "new.toml").write_text("exec_st")
    (more / "new.toml").write_text(SLEEP % "1005")
    (more / "gone.toml").unlink()
    place.until(lambda: "new" in place.instances(), "new is known")
    place.wait_for("new", "online")
    place.until(lambda: "gone" not in place.instances(), "gone is gone")
    place.gone(pids["gone"])

    # The second directory's file counts when the first's is gone: updated, hence restarted.
    first.unlink()
    place.until(lambda: place.instance("both")["pid"] not in (pids["both"], None), "restarted")
    assert "1002" in place.stoker("cat", "both").out

    # A description alone touches nothing; a file that becomes bad keeps the last good definition.
    other = more / "other.toml"
    other.write_text(SLEEP % "1003" + 'description = "words"\n')
    place.until(lambda: place.instance("other")["description"] == "words", "the words are known")
    other.write_text("exec_start = [")
    said = "other: the last good definition holds"
    place.until(lambda: said in place.stoker("status").out, "it is said")
    assert "other.toml:1" in place.stoker("status").out
    other.write_text(SLEEP % "1003" + 'description = "mended"\n')
    place.until(lambda: place.instance("other")["description"] == "mended", "it is mended")
    assert "last good definition" not in place.stoker("status").out
    assert place.pid("other") == pids["other"]
