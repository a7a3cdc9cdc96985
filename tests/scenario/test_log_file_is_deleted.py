"""S7: a log file, or the whole directory, is deleted from under the recorder: the output goes on in
a new one.
"""

from __future__ import annotations

import shutil

from stoker.testing import Scenario

COUNT = "n=0; while :; do n=$((n+1)); echo $n; sleep 0.02; done"


def numbers(place: Scenario) -> list[int]:
    try:
        text = (place.directory / ".stoker/logs/web/current").read_text()
    except FileNotFoundError:
        return []
    return [int(line.split()[-1]) for line in text.splitlines()]


def goes_on(place: Scenario, pid: int) -> None:
    found = place.until(lambda: len(numbers(place)) > 5 and numbers(place), "a new file is written")
    assert found[0] > 1  # what stood in the old file is gone with it
    assert found == list(range(found[0], found[0] + len(found)))
    assert place.pid("web") == pid


def test_output_goes_on(place: Scenario) -> None:
    place.script("web", COUNT)
    place.up()
    pid = place.pid("web")
    place.until(lambda: len(numbers(place)) > 5, "something is written")
    (place.directory / ".stoker/logs/web/current").unlink()
    goes_on(place, pid)
    # Moved away first: emptying a directory that is written to may fail.
    (place.directory / ".stoker/logs/web").rename(place.base / "old")
    shutil.rmtree(place.base / "old")
    goes_on(place, pid)
