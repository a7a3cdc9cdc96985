"""Services of manifests when they or the manager die: who stops along, what stays or goes on."""

from __future__ import annotations

import os
import signal

from smf_host import DOCTYPE, SLEEP, Call

from stoker.testing import Scenario

SERVICE = """<service name='site/{name}' type='service' version='1'>
<create_default_instance enabled='true'/>
<exec_method type='method' name='start' exec='{start}' timeout_seconds='300'/>
<exec_method type='method' name='stop' exec=':kill' timeout_seconds='60'/></service>"""


def bundle(place: Scenario, **starts: str) -> None:
    """Manifests of services whose start methods leave daemons behind."""
    text = "".join(SERVICE.format(name=name, start=start) for name, start in starts.items())
    path = place.directory / "all.xml"
    path.write_text(f"{DOCTYPE}<service_bundle type='manifest' name='t'>{text}</service_bundle>")


def daemon(place: Scenario, call: Call) -> int:
    """The only process of the service, as `svcs -p` has it."""
    (row,) = [row for row in call("svcs", "-Hp", "site/base")[1].splitlines() if row[0] == " "]
    return int(row.split()[1])


def replaced(place: Scenario) -> None:
    """The manager is killed, and there is another one."""
    old = place.manager()
    os.kill(old, signal.SIGKILL)
    place.until(lambda: place.manager() != old, "another manager")


def test_t32_t36_t37_it_dies_or_the_manager_does(place: Scenario, smf: Call) -> None:
    bundle(place, base='/bin/sh -c "setsid sleep 1000 &amp;"')
    for word in ("none", "error"):
        group = f'[[dependency]]\ntargets = ["site/base"]\nrestart_on = "{word}"\n'
        place.toml(word, SLEEP + group)
    place.up()
    pids = {word: place.pid(word) for word in ("none", "error")}
    first = daemon(place, smf)

    # T32: a fatal signal is an error, and those that stop on error begin again.
    os.kill(first, signal.SIGSEGV)
    place.until(lambda: place.instance("error")["pid"] not in (None, pids["error"]))
    place.wait_for("site/base", "online")
    place.wait_for("error", "online")
    assert place.pid("none") == pids["none"]
    second = daemon(place, smf)
    assert second != first

    # T36: of a manager that dies nothing is seen.
    kept = ("state", "state_time", "contract", "run")
    before = [place.instance("site/base")[key] for key in kept]
    replaced(place)
    assert [place.instance("site/base")[key] for key in kept] == before
    assert daemon(place, smf) == second

    # T37: what dies along with it is started again by the next one.
    os.kill(place.manager(), signal.SIGKILL)
    os.kill(second, signal.SIGKILL)
    place.gone(second)
    place.until(lambda: place.instance("site/base")["run"] == before[-1] + 1)
    place.wait_for("site/base", "online")
    assert daemon(place, smf) != second


def test_t38_a_start_that_was_under_way_is_kept(place: Scenario, smf: Call) -> None:
    gate, count = place.base / "gate", place.file("count", "")
    slow = (
        f"echo once >> {count}; until [ -e {gate} ]; do sleep 0.05; done; setsid sleep 1000 &amp;"
    )
    bundle(place, base=f'/bin/sh -c "{slow}"')
    place.stoker("up", "-d", "--no-wait").ok()
    place.until(count.read_text, "the method runs")
    replaced(place)
    row = place.instance("site/base")
    assert (row["state"], row["next_state"]) == ("offline", "online")
    gate.touch()
    place.wait_for("site/base", "online")
    assert count.read_text() == "once\n"


def test_t15_what_is_temporary_ends_with_a_boot(place: Scenario, smf: Call) -> None:
    place.toml("some", SLEEP)
    place.up()
    assert smf("svcadm", "disable", "-st", "some")[0] == 0
    assert "enabled      false (temporary)" in smf("svcs", "-l", "some")[1].splitlines()
    place.down()
    place.up()
    assert place.instance("some")["state"] == "online"
    assert "enabled      true" in smf("svcs", "-l", "some")[1].splitlines()
