"""What the log of a manifest's instance says of its end."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from stoker.engine import LATE, Kill
from stoker.manager.remarks import Remarks
from stoker.model import Step

WEB = "svc:/web:default"


@pytest.mark.parametrize(
    ("stop", "unclean", "result", "scope", "said"),
    [
        (True, True, "", "contract", True),  # its stop method took too long
        (True, False, LATE, "contract", True),  # its start method did
        (True, False, "exit 1", "contract", False),  # its start failed, and left something behind
        (False, True, "", "contract", False),  # there is no method that could be late
        (False, False, "", "method", True),
    ],
)
def test_only_who_was_late_is_said_to_have_been(
    stop: bool, unclean: bool, result: str, scope: str, said: bool
) -> None:
    steps = (Step(argv=("/bin/true",)),) if stop else ()
    definition = SimpleNamespace(stop=steps, log=SimpleNamespace(mode="smf"), fmri=WEB)
    one = SimpleNamespace(definition=definition, unclean=unclean, result=result)
    lines: list[str] = []
    link = SimpleNamespace(note=lambda _fmri, text, _after: lines.append(text))
    manager: Any = SimpleNamespace(
        engine=SimpleNamespace(instances={WEB: one}), link=link, failed=pytest.fail
    )
    remarks = Remarks(manager)
    follow: Any = [definition]
    remarks.follow(follow)
    remarks.turn([], [Kill(WEB, 1, scope)])
    assert [line for line in lines if "timed out" in line] == (lines if said else [])
    assert bool(lines) == said
