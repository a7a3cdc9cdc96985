"""The boot chart: made of the history's rows, drawn as text and as a picture."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from stoker.insight import boot_chart, boot_svg, boot_text, needs_of
from stoker.model import Definition, Dependency, Grouping

SECOND = 1_000_000_000
START = 1_795_255_872 * SECOND
DB, WEB, TASK, BAD, OFF = (f"svc:/{name}:default" for name in ("db", "web", "task", "bad", "off"))


def at(seconds: float) -> int:
    return START + round(seconds * SECOND)


def turned(seconds: float, fmri: str, after: str, before: str = "offline") -> dict[str, Any]:
    return {"at": at(seconds), "fmri": fmri, "before": before, "after": after}


def defined(fmri: str, after: str = "offline") -> dict[str, Any]:
    return turned(0.5, fmri, after, "uninitialized")


def begun(seconds: float, fmri: str) -> dict[str, Any]:
    return {"fmri": fmri, "begun": at(seconds)}


TRANSITIONS = [
    turned(-9, DB, "online"),
    *(defined(one) for one in (BAD, DB, TASK, WEB)),
    defined(OFF, "disabled"),
    turned(1.0, BAD, "maintenance"),
    turned(2.0, DB, "online"),
    turned(2.2, TASK, "online"),
    turned(4.0, WEB, "online"),
    turned(50, WEB, "offline", "online"),
    turned(60, WEB, "online"),
    turned(70, "svc:/new:default", "offline", "uninitialized"),
]
RUNS = [
    {"fmri": DB, "begun": at(-10)},
    *(begun(0.6, DB), begun(0.6, TASK), begun(0.7, BAD), begun(0.9, BAD), begun(2.5, WEB)),
    *(begun(55, WEB), {"fmri": WEB, "begun": None}),
]
NEEDS = {WEB: [DB], DB: [], TASK: []}


def chart(**given: Any) -> dict[str, Any]:
    asked: dict[str, Any] = {"start": START, "now": at(100), **given}
    transitions = asked.pop("transitions", TRANSITIONS)
    needs = asked.pop("needs", NEEDS)
    return boot_chart(transitions, asked.pop("runs", RUNS), needs, **asked)


def test_who_waited_was_starting_and_was_up() -> None:
    found = chart()
    assert [one["fmri"] for one in found["services"]] == [DB, TASK, BAD, WEB]
    of = {one["fmri"]: one for one in found["services"]}
    assert (of[DB]["started"], of[DB]["ready"], of[DB]["starting"]) == (0.6, 2.0, 1.4)
    assert (of[WEB]["started"], of[WEB]["ready"], of[WEB]["tries"]) == (2.5, 4.0, 1)
    assert (of[BAD]["started"], of[BAD]["ready"], of[BAD]["given_up"]) == (0.7, None, 1.0)
    assert of[BAD]["tries"] == 2
    assert (found["manager"], found["settled"], found["kernel"]) == (0.5, 4.0, None)


def test_the_critical_path_follows_what_is_needed() -> None:
    assert chart()["critical"] == [DB, WEB]
    assert chart(needs={WEB: [TASK, DB]})["critical"] == [TASK, WEB]
    assert chart(needs=None)["critical"] == [TASK, WEB]
    assert chart(needs={WEB: [WEB]})["critical"] == [WEB]


def test_of_a_machine_it_begins_with_the_kernel() -> None:
    found = chart(kernel=at(-3))
    assert (found["kernel"], found["manager"], found["settled"]) == (3.0, 3.5, 7.0)
    assert found["start"] == at(-3)
    assert boot_text(found, 80)[1].startswith("(kernel)")


def test_of_a_machine_what_its_targets_bring_along_belongs_to_it() -> None:
    sysinit, mount, normal, absent, late = (
        f"svc:/{name}:default"
        for name in ("target/sysinit", "mount", "target/normal", "no", "late")
    )
    rows = [
        defined(WEB),
        *(defined(one, "disabled") for one in (mount, sysinit, normal, absent, late, OFF)),
        *(turned(1.0, one, "offline", "disabled") for one in (mount, sysinit, absent)),
        turned(3.0, mount, "online"),
        turned(3.1, sysinit, "online"),
        turned(3.2, normal, "offline", "disabled"),
        turned(3.3, normal, "online"),
        turned(4.0, WEB, "online"),
        turned(90, late, "offline", "disabled"),
    ]
    runs = [begun(1.5, mount), begun(3.2, WEB)]
    needs = {WEB: [sysinit], sysinit: [mount], normal: [sysinit]}
    found = chart(transitions=rows, runs=runs, needs=needs, kernel=at(-3))
    of = {one["fmri"]: one for one in found["services"]}
    assert set(of) == {WEB, mount, sysinit, normal, absent}
    assert (of[mount]["started"], of[mount]["ready"]) == (4.5, 6.0)
    assert of[absent]["ready"] is of[absent]["given_up"] is None
    assert found["critical"] == [mount, sysinit, WEB]
    # Who waits for ever makes the picture no longer than what happened.
    lines = boot_text(found, 80)
    assert next(line for line in lines if line.startswith("mount")).count("▒") > 5
    # In a place that is none, only what was wanted at first.
    assert [one["fmri"] for one in chart(transitions=rows, runs=runs)["services"]] == [WEB]


def test_while_it_comes_up_it_has_not_settled() -> None:
    early = [one for one in TRANSITIONS if one["at"] < at(3)]
    found = chart(transitions=early, runs=RUNS[:6], now=at(3))
    assert found["settled"] is None
    of = {one["fmri"]: one for one in found["services"]}
    assert (of[WEB]["started"], of[WEB]["ready"]) == (2.5, None)
    assert found["critical"] == [TASK]


def test_without_any_service() -> None:
    found = chart(transitions=[], runs=[])
    assert (found["services"], found["settled"], found["critical"]) == ([], None, [])
    assert len(boot_text(found, 80)) == 2


def test_a_target_without_a_process_is_up_at_once() -> None:
    rows = [defined(WEB), turned(1.5, WEB, "online")]
    (one,) = chart(transitions=rows, runs=[])["services"]
    assert (one["started"], one["ready"], one["starting"], one["tries"]) == (1.5, 1.5, 0.0, 0)


def test_the_lines() -> None:
    lines = boot_text(chart(), 60)
    bars = {line.split()[0]: line for line in lines[1:6]}
    room = 60 - 8 - 20
    assert lines[0].startswith("NAME       WAITED STARTING  0s")
    # The manager decides after 0.5 s of 4: an eighth of the columns.
    assert bars["(stoker)"].count("▒") == room // 8
    # web: 2 s waiting, then 1.5 s starting, and up only at the very end.
    assert bars["web"].count("·") == room // 2
    assert bars["web"].count("▒") == room * 3 // 8
    assert "*" in bars["web"]
    assert "*" in bars["db"]
    assert "*" not in bars["task"]
    assert "×" in bars["bad"]
    assert "█" not in bars["bad"]
    assert all(len(line) <= 60 for line in lines[1:])
    assert lines[-1] == "  web: 0.50 s waiting, 1.50 s starting, up at 4.00 s"


def test_some_of_them() -> None:
    lines = boot_text(chart(), 80, {WEB})
    assert [line.split()[0] for line in lines[1:3]] == ["(stoker)", "web"]
    assert "  db: 0.10 s waiting, 1.40 s starting, up at 2.00 s" in lines


def test_what_was_short_is_seen_all_the_same() -> None:
    rows = [defined(DB), defined(WEB), turned(0.61, DB, "online"), turned(100, WEB, "online")]
    lines = boot_text(chart(transitions=rows), 60)
    assert "▒" in next(line for line in lines if line.startswith("db"))


def test_the_picture_is_well_formed_and_names_all() -> None:
    text = boot_svg(chart(), "a <place> & more")
    root = ElementTree.fromstring(text)
    said = [element.text for element in root.iter() if element.text]
    assert "a <place> & more" in said
    assert {"db", "web", "task", "bad"} <= set(said)
    bars = list(root.iter("{http://www.w3.org/2000/svg}rect"))
    for one in bars:
        assert 0 <= float(one.get("x", "0")) <= float(root.get("width", "0"))
        assert float(one.get("width", "-1")) >= 0


def test_what_is_waited_for() -> None:
    definitions = [
        Definition(
            WEB,
            dependencies=(
                Dependency(("svc:/db", "file:///etc/x")),
                Dependency((BAD,), Grouping.EXCLUDE_ALL),
            ),
            after=(TASK,),
        ),
        Definition(DB),
        Definition(TASK, before=(DB,)),
    ]
    needs = needs_of(definitions)
    assert [name for name in needs[WEB] if name.startswith("svc:")] == [DB, TASK]
    assert needs[DB] == [TASK]
