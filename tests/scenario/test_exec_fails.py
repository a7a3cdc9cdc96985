"""S4: what cannot be executed fails with a sentence that says why, and disturbs nobody."""

from __future__ import annotations

import os

import pytest

from stoker.testing import Scenario

CASES = {
    "missing": ("/nonexistent/program", "no such file"),
    "forbidden": (None, "permission denied"),
    "interpreter": (None, "interpreter"),
    "architecture": (None, "format"),
}


@pytest.mark.parametrize("kind", CASES)
def test_the_reason_is_told(place: Scenario, kind: str) -> None:
    path, expected = CASES[kind]
    if path is None:
        program = place.base / kind
        program.write_bytes(
            {
                "forbidden": b"#!/bin/sh\n",
                "interpreter": b"#!/nonexistent/interpreter\n",
                "architecture": b"\x7fELF\x02\x01\x01\x00garbage",
            }[kind]
        )
        program.chmod(0o644 if kind == "forbidden" else 0o755)
        path = str(program)
    place.toml("broken", f'exec_start = ["{path}"]\n[restart]\nlimit = 1\ndelay = "10ms"\n')
    place.script("sound", "exec sleep infinity")
    done = place.up(status=1)
    assert "broken" in done.out + done.err
    place.wait_for("broken", "maintenance")
    assert place.instance("sound")["state"] == "online"
    told = place.stoker("explain", "broken").ok().out + place.stoker("status", "broken").ok().out
    assert expected in told.lower()
    assert os.path.basename(path) in told


def test_a_missing_user_is_told(place: Scenario) -> None:
    place.toml(
        "nobody-knows",
        'exec_start = ["/bin/true"]\nuser = "no-such-user-here"\n[restart]\nlimit = 0\n',
    )
    place.up(status=1)
    told = place.stoker("explain", "nobody-knows").ok().out
    assert "no-such-user-here" in told
