"""`stoker boot`: what the history tells of the last start."""

from __future__ import annotations

from xml.etree import ElementTree

from stoker.testing import Scenario

READY = 'ready.fd = 3\nexec_start = "echo >&3; exec sleep infinity"\n'


def test_the_last_start(place: Scenario) -> None:
    place.toml("db", READY)
    place.toml("web", READY + '[[dependency]]\ntargets = ["db"]\n')
    place.toml("off", 'exec_start = ["sleep", "infinity"]\nenabled = false\n')
    assert "nothing was ever logged" in place.stoker("boot").ended(1).err
    place.up()

    def told() -> dict[str, dict[str, object]]:
        done = place.stoker("boot", "--json")
        rows = done.json()["services"] if done.status == 0 and done.out[0] == "{" else []
        return {row["name"]: row for row in rows}

    # The history is written a little later.
    place.until(lambda: told() and all(row["ready"] for row in told().values()), "both are up")
    chart = place.stoker("boot", "--json").ok().json()
    rows = {row["name"]: row for row in chart["services"]}
    assert set(rows) == {"db", "web"}
    assert chart["critical"] == ["svc:/db:default", "svc:/web:default"]
    assert 0 < chart["manager"] <= rows["db"]["started"] <= rows["db"]["ready"]
    assert rows["db"]["ready"] <= rows["web"]["started"] <= rows["web"]["ready"] == chart["settled"]

    text = place.stoker("boot").ok().out
    assert text.index("(stoker)") < text.index("db") < text.index("web")
    assert "critical path:" in text
    assert ElementTree.fromstring(place.stoker("boot", "--svg").ok().out).tag.endswith("svg")
    one = place.stoker("boot", "w*").ok().out
    assert [line.split()[0] for line in one.splitlines()[2:4]] == ["(stoker)", "web"]
    place.stoker("boot", "nonesuch").ended(4)

    # What happens later does not change it, nor does the end.
    place.stoker("restart", "web").ok()
    place.down()
    after = place.stoker("boot", "--json").ok().json()
    assert after["settled"] == chart["settled"]
    # The next start is another.
    place.up()
    place.until(lambda: told() and all(row["ready"] for row in told().values()), "both are up")
    again = place.stoker("boot", "--json").ok().json()
    assert again["start"] > chart["start"]
    assert {row["tries"] for row in again["services"]} == {1}
