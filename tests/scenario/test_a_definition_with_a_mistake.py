"""A definition with a mistake: what is good runs, and who asks for the other is told why not."""

from __future__ import annotations

from stoker.testing import Scenario

GOOD = 'exec_start = ["sleep", "infinity"]\n'
BAD = GOOD + 'restrat = "always"\n'


def test_what_is_good_runs_and_the_other_says_why_not(place: Scenario) -> None:
    file = place.toml("bad", BAD)
    place.toml("good", GOOD)
    up = place.up(status=1)
    assert f"{file}:2: restrat: error:" in up.err
    assert place.instance("good")["state"] == "online"
    for words in (["ls", "bad"], ["status", "bad"], ["explain", "svc:/bad"], ["start", "bad"]):
        said = place.stoker(*words).ended(4)
        assert f"bad is not loaded: {file}:2: restrat: error:" in said.err
        assert "stoker reload" in said.err
    said = place.stoker("ls", "good", "bad").ended(4)
    assert "bad is not loaded" in said.err
    assert "no such service" in place.stoker("status", "ugly").ended(4).err


def test_a_running_one_goes_on_and_status_shows_the_mistake(place: Scenario) -> None:
    file = place.toml("web", GOOD)
    place.up()
    pid = place.pid("web")
    place.toml("web", BAD)
    place.stoker("reload").ended(1)
    assert place.pid("web") == pid
    said = place.stoker("status", "web").ok().out
    assert f"{file}:2: restrat: error:" in said
    assert "goes on by its old definition" in said
    (told,) = place.stoker("status", "--json", "web").ok().json()["statuses"][0]["mistakes"]
    assert (told["line"], told["key"]) == (2, "restrat")
    place.toml("web", GOOD)
    place.stoker("reload").ok()
    assert "mistake" not in place.stoker("status", "web").ok().out
    assert place.pid("web") == pid
