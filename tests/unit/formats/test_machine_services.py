"""What definitions have besides on a machine: targets, and a place between beginning and end."""

from __future__ import annotations

from stoker.formats.entry import Surroundings
from stoker.formats.machine import BASIC, SHUTDOWN, UNMOUNT, machine_services
from stoker.model import Definition, LogSettings, RestartOn

SYSINIT = "svc:/target/sysinit"


def machine(*definitions: Definition) -> dict[str, Definition]:
    around = Surroundings("/", LogSettings(), lambda _path: True)
    found, mistakes = machine_services(definitions, around)
    assert mistakes == []
    return {one.fmri.removeprefix("svc:/").removesuffix(":default"): one for one in found}


def test_the_targets_are_there_and_nothing_starts_by_itself() -> None:
    known = machine()
    assert {
        *("target/sysinit", "target/basic", "target/normal", "target/rescue", "target/shutdown"),
        *("target/unmount", "target/halt", "target/poweroff", "target/reboot"),
        *("target/powercycle", "target/secure-attention-key", "target/kbrequest"),
        *("target/powerfail", "target/power-button", "target/update"),
    } == set(known)
    assert not any(one.enabled for one in known.values())
    for name in ("halt", "poweroff", "reboot", "powercycle"):
        one = known[f"target/{name}"]
        assert set(one.wants) == set(one.after) == {"svc:/target/shutdown", "svc:/target/unmount"}
        assert one.start[0].argv[-2:] == (name, "--force")
    assert "svc:/target/normal" in known["target/rescue"].conflicts
    assert "svc:/target/rescue" in known["target/normal"].conflicts


def test_a_service_needs_basic_and_is_stopped_by_shutdown() -> None:
    known = machine(Definition("svc:/web:default"))
    web = known["web"]
    (needs,) = web.dependencies
    assert (needs.targets, needs.restart_on) == ((BASIC,), RestartOn.RESTART)
    assert web.before == (SHUTDOWN,)
    assert "svc:/web:default" in known["target/shutdown"].conflicts


def test_who_names_a_target_has_found_its_place_in_the_beginning() -> None:
    early = Definition("svc:/early:default", wanted_by=(SYSINIT,), before=(SYSINIT,))
    known = machine(early)
    assert known["early"].dependencies == ()
    assert SHUTDOWN in known["early"].before


def test_mounts_go_after_services_and_hooks_of_an_end_stay() -> None:
    known = machine(
        Definition("svc:/mount:default", before=(UNMOUNT,)),
        Definition("svc:/hook:default", wanted_by=("svc:/target/reboot",)),
    )
    assert "svc:/mount:default" in known["target/unmount"].conflicts
    conflicts = known["target/shutdown"].conflicts
    assert not {"svc:/mount:default", "svc:/hook:default"} & set(conflicts)


def test_bundles_and_watchers_are_left_as_they_are() -> None:
    bundle = Definition("svc:/b:default", format="bundle")
    watcher = Definition("svc:/w:default", gives=("TIME",))
    known = machine(bundle, watcher)
    assert (known["b"], known["w"]) == (bundle, watcher)


def test_a_target_of_ones_own_takes_the_place_of_the_shipped_one() -> None:
    own = Definition("svc:/target/kbrequest:default", description="mine")
    assert machine(own)["target/kbrequest"].description == "mine"
