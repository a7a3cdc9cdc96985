"""S16: a variable removed from an environment file is gone at the next start."""

from __future__ import annotations

from stoker.testing import Scenario


def test_the_environment_is_made_anew_at_each_start(place: Scenario) -> None:
    settings = place.file("web.env", "KEPT=1\nREMOVED=1\n")
    seen = place.base / "seen"
    place.toml(
        "web",
        f"""
        exec_start = "env > {seen}.new; mv {seen}.new {seen}; exec sleep infinity"
        environment_files = ["{settings}"]
        """,
    )
    place.up()
    first = place.until(lambda: seen.exists() and seen.read_text(), "it printed its environment")
    assert "KEPT=1" in first and "REMOVED=1" in first
    seen.unlink()
    settings.write_text("KEPT=2\n")
    place.stoker("restart", "web").ok()
    second = place.until(lambda: seen.exists() and seen.read_text(), "it printed it again")
    assert "KEPT=2" in second
    assert "REMOVED" not in second
