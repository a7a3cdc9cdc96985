"""S6: output without a newline for long, NULs, what is no UTF-8, and a closed standard output."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stoker.testing import Scenario


def service(place: Scenario, program: str) -> None:
    """A service that prints what a shell program prints, then a last line, and lives on."""
    path = place.file("say.sh", f"{program}\ntouch {place.base}/said\nexec sleep infinity\n")
    place.toml("web", f'exec_start = ["/bin/sh", "{path}"]\nlog = {{ size = "4GB" }}\n')


def raw(place: Scenario) -> bytes:
    """What stands in the file."""
    try:
        return (place.directory / ".stoker/logs/web/current").read_bytes()
    except FileNotFoundError:  # the recorder may begin later than what it records
        return b""


@pytest.mark.parametrize(
    "megabytes",
    [32, pytest.param(1000, marks=[pytest.mark.long, pytest.mark.timeout(1800)])],
)
def test_no_newline_for_long(place: Scenario, megabytes: int) -> None:
    service(place, f"head -c {megabytes}000000 /dev/zero | tr '\\0' x; echo; echo the end")
    place.up()
    place.until((place.base / "said").exists, "everything was taken", timeout=900)
    path = place.directory / ".stoker/logs/web/current"

    def whole() -> bool:
        return path.stat().st_size > megabytes * 1_000_000 and b"the end" in tail(path)

    place.until(whole, "everything was written", timeout=900)
    count = 0
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            count += block.count(b"x")
    assert count == megabytes * 1_000_000


def tail(path: Path) -> bytes:
    with open(path, "rb") as file:
        file.seek(max(0, os.stat(path).st_size - 200))
        return file.read()


def test_nuls_and_what_is_no_text(place: Scenario) -> None:
    service(place, r"""printf 'a\0b\nc\377\376d\n\0\036stokerfeed run 7 7\nend\n'""")
    place.up()
    place.until(lambda: b"end" in raw(place), "everything was written")
    lines = raw(place).split(b"\n")
    for wanted in (b"a\0b", b"c\xff\xfed", b"\0\x1estokerfeed run 7 7", b"end"):
        assert any(line.endswith(wanted) for line in lines), (wanted, lines)
    shown = place.stoker("logs", "--plain", "web").ok().out.rstrip("\n").split("\n")
    assert shown[-1] == "end"
    assert len(shown) == 4
    assert [row["text"] for row in as_json(place)][-1] == "end"


def as_json(place: Scenario) -> list[dict[str, str]]:
    import json

    out = place.stoker("logs", "--json", "web").ok().out
    return [row for row in map(json.loads, out.rstrip("\n").split("\n")) if "text" in row]


def test_closed_output_is_no_end(place: Scenario) -> None:
    service(place, "echo before; exec >&- 2>&-")
    place.up()
    place.until((place.base / "said").exists, "it lives on without output")
    assert place.instance("web")["state"] == "online"
    assert place.instance("web")["restarts"] == 0
    place.until(lambda: b"before" in raw(place), "the line was written")
    place.stoker("restart", "web").ok()
    place.until(lambda: raw(place).count(b"before") == 2, "the next run is heard too")
