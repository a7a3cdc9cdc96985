"""svcs -x: who is the cause of whom, what is said of it, and a page for everything that is said."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from svcs_fake import Manager, choice, needs

from stoker.compat.smf.svcs_messages import MESSAGES, page

ROOT = Path(__file__).resolve().parents[3]
SPECIFIED = {
    *("05", "1S", "2A", "3P", "4D", "5H", "63", "R4", "KS", "8Q", "L5"),
    *("HP", "JA", "9C", "AR", "C4", "PH", "E2", "FJ", "GE", "DX", "N3"),
}
"""The ends of SMF's ids."""

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def site(manager: Manager) -> Manager:
    """base is disabled; middle waits for it, and top and side for middle."""
    manager.add("svc:/base:default", "disabled", description="the base")
    manager.add("svc:/fine:default")
    for name, target in (("middle", "base"), ("top", "middle"), ("side", "middle")):
        state = "disabled" if target == "base" else "offline"
        row = needs("0", f"svc:/{target}", state)
        manager.add(f"svc:/{name}:default", "offline", dependencies=[row])
    return manager


def blocks(text: str) -> dict[str, list[str]]:
    found = [block.splitlines() for block in text.split("\n\n") if block]
    return {block[0].split()[0]: block for block in found}


def test_t50_nothing_is_said_where_nothing_is_wrong(manager: Manager, call: Call) -> None:
    manager.add("svc:/a:default")
    manager.add("svc:/b:default", "disabled")
    assert call("-x") == (0, "", "")
    assert call("-xv") == (0, "", "")


def test_methods_that_are_not_here_are_told_before_they_fail(manager: Manager, call: Call) -> None:
    for name, state in (("a", "disabled"), ("b", "online")):
        manager.add(f"svc:/{name}:default", state)
        text = "there is no /lib/svc/method/x here"
        row = {"key": "start/exec", "message": text, "fmri": f"svc:/{name}:default"}
        manager.mistakes += [row, {"key": None, "message": "else", "fmri": "svc:/a:default"}]
    assert [line for line in call("-x", "a")[1].splitlines() if line.startswith("  Note")] == [
        "  Note: start/exec: there is no /lib/svc/method/x here"
    ]
    assert "Note" not in call("-x", "b")[1]


def test_t50_the_cause_and_what_hangs_on_it(site: Manager, call: Call) -> None:
    assert call("-x") == (
        0,
        "svc:/base:default (the base)\n"
        " State: disabled since Fri Mar 20 09:00:00 2020\n"
        "Reason: Disabled in its definition.\n"
        "   See: svcs -? SMF-8000-05\n"
        "   See: /logs/base/current\n"
        "Impact: 3 dependents are not running.  (Use -v for list.)\n",
        "",
    )
    assert call("-xv")[1].splitlines()[-4:] == [
        "Impact: 3 dependents are not running:",
        "        svc:/middle:default",
        "        svc:/side:default",
        "        svc:/top:default",
    ]


def test_t50_the_way_to_the_cause(site: Manager, call: Call) -> None:
    assert call("-xv", "top")[1].splitlines() == [
        "svc:/top:default (?)",
        " State: offline since Fri Mar 20 09:00:00 2020",
        "Reason: svc:/base:default is disabled.",
        "   See: svcs -? SMF-8000-GE",
        "  Path: svc:/top:default",
        "          svc:/middle:default",
        "            svc:/base:default",
        "   See: /logs/top/current",
        "Impact: This service is not running.",
    ]
    shown = call("-x", "top", "fine", "middle")[1]
    assert [line for line in shown.splitlines() if line.startswith("svc:")] == [
        "svc:/middle:default (?)", "svc:/fine:default (?)", "svc:/top:default (?)",
    ]  # fmt: skip
    assert "Impact: 2 dependents are" in blocks(shown)["svc:/middle:default"][-1]
    assert blocks(shown)["svc:/fine:default"][1:] == [
        " State: online since Fri Mar 20 09:00:00 2020", "   See: /logs/fine/current",
        "Impact: None.",
    ]  # fmt: skip
    assert call("-x", "nothing")[0] == 1


def test_what_is_wrong_by_itself(manager: Manager, call: Call) -> None:
    """Which instances are told without operands: those that are the cause, and only they."""
    missing = [needs("0", "svc:/nowhere", "absent"), needs("1", "file:///etc/none", "absent")]
    manager.add("svc:/absent:default", "offline", dependencies=missing)
    manager.add("svc:/needy:default", "offline", dependencies=[
        needs("0", "svc:/absent", "offline")])  # fmt: skip
    manager.add("svc:/rival:default")
    manager.add("svc:/excluded:default", "offline", dependencies=[
        needs("0", "svc:/rival", "online", "exclude_all", satisfied=False)])  # fmt: skip
    manager.add("svc:/any:default", "offline", dependencies=[
        needs("0", "svc:/rival", "online", "require_any"),
        needs("0", "svc:/off", "disabled", "require_any"),
        needs("1", "svc:/broken", "maintenance")])  # fmt: skip
    manager.add("svc:/off:default", "disabled")
    manager.add("svc:/broken:default", "maintenance", reason="restarting_too_quickly")
    manager.add("svc:/starting:default", "offline", next_state="online")
    found = blocks(call("-x")[1])
    assert set(found) == {
        f"svc:/{name}:default" for name in ("absent", "excluded", "broken", "starting")
    }
    assert found["svc:/absent:default"][2:-1] == [
        "Reason: svc:/nowhere is absent.", "   See: svcs -? SMF-8000-E2",
        "Reason: file:///etc/none is absent.", "   See: svcs -? SMF-8000-E2",
        "   See: /logs/absent/current",
    ]  # fmt: skip
    assert "Impact: 1 dependent is" in found["svc:/absent:default"][-1]
    assert "svc:/rival excludes it and is online" in found["svc:/excluded:default"][2]


@pytest.mark.parametrize(
    ("code", "state", "more"),
    [
        ("05", "disabled", {}),
        ("05", "disabled", {"choice": choice("moved")}),
        ("1S", "disabled", {"enabled": True, "override": {"value": False, "why": ""}}),
        ("63", "maintenance", {"reason": "administrative_request"}),
        ("R4", "maintenance", {"reason": "service_request"}),
        ("KS", "maintenance", {"reason": "method_failed", "last_exit": "exit status 1"}),
        ("KS", "maintenance", {"reason": "fault_threshold_reached", "last_exit": "signal KILL"}),
        ("8Q", "maintenance", {"reason": "method_failed", "last_exit": "exit status 0"}),
        ("8Q", "maintenance", {"reason": "fault_threshold_reached"}),
        ("L5", "maintenance", {"reason": "restarting_too_quickly"}),
        ("HP", "maintenance", {"reason": "dependency_cycle", "note": "a needs b needs a"}),
        ("JA", "maintenance", {"reason": "invalid_dependency"}),
        ("2A", "maintenance", {"reason": "invalid_restarter"}),
        ("9C", "maintenance", {"reason": "none"}),
        ("AR", "maintenance", {"reason": "per_whim"}),
        ("C4", "offline", {"next_state": "online"}),
        ("PH", "offline", {"next_state": "disabled"}),
        ("PH", "online", {"next_state": "offline"}),
        ("PH", "offline", {"waiting_for": ["waits 3 s"]}),
        ("DX", "degraded", {"note": "said so"}),
        ("4D", "uninitialized", {}),
        ("N3", "confused", {}),
    ],
)
def test_the_message_of_each_situation(
    manager: Manager, call: Call, code: str, state: str, more: dict[str, Any]
) -> None:  # fmt: skip
    manager.add("svc:/a:default", state, **more)
    lines = call("-x", "a")[1].splitlines()
    assert lines[1].startswith(f" State: {state} since ")
    assert lines[2].startswith("Reason: ") and lines[2].endswith(".")
    assert lines[3] == f"   See: svcs -? SMF-8000-{code}"
    running = state in ("online", "degraded")
    assert lines[-1] == ("Impact: None." if running else "Impact: This service is not running.")


@pytest.mark.parametrize(
    ("code", "state"), [("3P", None), ("4D", "online"), ("5H", "maintenance")]
)  # fmt: skip
def test_a_restarter_of_its_own(
    manager: Manager, call: Call, code: str, state: str | None
) -> None:  # fmt: skip
    manager.add("svc:/a:default", "uninitialized")
    manager.definitions["svc:/a:default"] = {"restarter": "svc:/network/inetd:default"}
    if state is not None:
        manager.add("svc:/network/inetd:default", state)
    assert call("-x", "a")[1].splitlines()[3] == f"   See: svcs -? SMF-8000-{code}"


def test_a_comment_is_told(manager: Manager, call: Call) -> None:
    manager.add("svc:/a:default", "disabled", choice=choice("disk swap"))
    assert "Reason: Disabled by an administrator: disk swap." in call("-x", "a")[1].splitlines()
    manager.add("svc:/a:default", "disabled", choice=choice("svcadm disable"))
    assert "Reason: Disabled by an administrator." in call("-x", "a")[1].splitlines()


def test_each_message_has_a_page(manager: Manager, call: Call) -> None:
    assert set(MESSAGES) == SPECIFIED
    text = (ROOT / "docs" / "from" / "smf-messages.md").read_text(encoding="utf-8")
    assert re.findall(r"^## SMF-8000-(..)$", text, re.MULTILINE) == list(MESSAGES)
    for code, (title, meaning, remedy) in MESSAGES.items():
        whole = f"## SMF-8000-{code}\n\n{title[0].upper()}{title[1:]}. {meaning}\n\n{remedy}\n"
        assert whole in text
        assert call("-?", f"SMF-8000-{code}") == (0, page(code) + "\n", "")
    assert call("-?", "SMF-8000-ZZ")[:2] == (1, "")
