"""What the measurements write is well-formed, and says what was measured."""

from __future__ import annotations

import importlib.util
import json
import sys
import xml.etree.ElementTree as tree
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[3]
if not (_ROOT / "bench/__init__.py").exists():
    pytest.skip("the measurements are not here", allow_module_level=True)
if importlib.util.find_spec("bench") is None:
    sys.path.append(str(_ROOT))

from bench.chart import chart  # noqa: E402
from bench.page import Late, Page  # noqa: E402
from bench.report import table  # noqa: E402
from bench.results import Results  # noqa: E402


def results() -> Results:
    found = Results()
    for value in (3.0, 1.0, 2.0):
        found.add("stoker", {"start of 10, s": value})
    found.add("<other>", {"start of 10, s": 1.0, "status, of one, ms": 250.0})
    return found


def test_figures_are_medians_and_multiples_of_ours() -> None:
    text = table(results(), ["stoker", "<other>"])
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in text.splitlines()]
    assert rows[0] == ["", "stoker", "<other>"]
    assert rows[2] == ["start of 10, s", "2.00", "1.00 (0.50×)"]
    assert rows[3] == ["status, of one, ms", "–", "250"]


def test_data_has_every_value_and_who_is_absent() -> None:
    found = results()
    found.failed("<other>", "stop", "it hangs")
    text = json.dumps(found.as_data({"cores": 2}, [("stoker", "1", ""), ("pm2", "", "no npm")]))
    data = json.loads(text)
    assert data["measures"][0]["peers"]["stoker"] == {"median": 2.0, "values": [3.0, 1.0, 2.0]}
    assert data["measures"][1]["what"] == "status, of one"
    assert data["measures"][1]["unit"] == "ms"
    assert data["peers"][1] == {"name": "pm2", "version": None, "absent": "no npm"}
    assert data["failed"] == [{"peer": "<other>", "measure": "stop", "why": "it hangs"}]


def test_the_chart_is_xml_with_a_bar_for_each_figure() -> None:
    found = results()
    text = chart(found, list(found.values), ["stoker", "<other>"], "a & b")
    drawing = tree.fromstring(text)
    bars = [one for one in drawing.iter() if one.tag.endswith("rect") and one.get("x")]
    assert len(bars) == 3
    assert "a & b" in [one.text for one in drawing.iter()]


def test_a_page_tells_starts_in_their_sequence_and_when_they_do_not_come(tmp_path: Path) -> None:
    page = Page(tmp_path / "page")
    with open(page.path, "r+b") as file:
        file.write((2).to_bytes(8, sys.byteorder) + bytes(8))
        for stamp, pid in ((500, 7), (400, 8)):
            file.write(stamp.to_bytes(8, sys.byteorder) + pid.to_bytes(8, sys.byteorder))
    assert page.pids() == [7, 8]
    assert page.wait(2, 30) == 500
    with pytest.raises(Late):
        page.wait(3, 0.01)
    page.clear()
    assert page.taken == 0
