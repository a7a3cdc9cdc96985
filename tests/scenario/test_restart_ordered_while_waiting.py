"""S10: a restart is asked for while the service waits for a dependency."""

from __future__ import annotations

from stoker.testing import Scenario


def test_it_waits_on_and_starts_once(place: Scenario) -> None:
    flag = place.base / "flag"
    place.toml(
        "web",
        f"""
        exec_start = ["/bin/sh", "-c", "echo run >> {place.base}/runs; exec sleep infinity"]
        [[dependency]]
        targets = ["file://{flag}"]
        """,
    )
    place.up(status=1)
    assert place.instance("web")["state"] == "offline"
    assert str(flag) in " ".join(place.instance("web")["waiting_for"])
    place.stoker("restart", "web", "--timeout", "1s")
    assert place.instance("web")["state"] == "offline"
    flag.write_text("")
    place.wait_for("web", "online")
    assert (place.base / "runs").read_text() == "run\n"
