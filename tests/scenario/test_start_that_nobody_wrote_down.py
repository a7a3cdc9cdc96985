"""A service is started, and its manager dies before it could write that down: the next one finds
it, alive or ended, and neither starts it a second time under the same number nor forgets its end.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from stoker.testing import Scenario

ENDS = 3
SCRIPT = """
echo $$ >>runs
[ $(wc -l <runs) -le 3 ] && exit 7
exec sleep infinity
"""


@pytest.mark.parametrize(
    "death", [2, pytest.param(1, marks=pytest.mark.long), pytest.param(3, marks=pytest.mark.long)]
)
@pytest.mark.parametrize("containment", ["", "session"])
def test_each_run_has_its_number_and_its_end(containment: str, death: int, tmp_path: Path) -> None:
    """The manager dies with the first, second or third process just begun, which ends at once."""
    once = tmp_path / "once"
    once.touch()
    environment = {"STOKER_FAULT": f"spawn:{death}:{once}", "STOKER_CONTAINMENT": containment}
    with Scenario(environment=environment) as place:
        place.script("brief", SCRIPT)
        place.stoker("up", "-d", str(place.directory))
        runs = place.directory / "runs"

        def steady() -> bool:
            row = place.instance("brief")
            lines = runs.read_text().split() if runs.exists() else []
            return len(lines) > ENDS and str(row["pid"]) == lines[-1]

        place.until(steady, "it runs on")
        assert not once.exists(), "the manager has not died"
        assert len(runs.read_text().split()) == ENDS + 1
        assert place.instance("brief")["run"] == ENDS + 1
        expected = dict.fromkeys(range(1, ENDS + 1), 7) | {ENDS + 1: None}

        def known() -> bool:
            told = place.stoker("history", "brief", "--json").ok().json()["runs"]
            return {one["run"]: one["status"] for one in told} == expected

        place.until(known, "the history has each run and how it ended, once")
