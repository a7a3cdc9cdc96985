"""The recorder is killed when the manager has gone already: a successor reads what the services
wrote last, and the place ends as it should.
"""

from __future__ import annotations

import contextlib
import os
import signal

from storm import programs

from stoker.testing import Scenario


def test_the_last_lines_are_kept(place: Scenario) -> None:
    ready = place.base / "ready"
    loop = "while :; do sleep 0.05; done"
    place.script("web", f"trap 'echo said at the end; exit 0' TERM\n: >{ready}\n{loop}")
    place.up()
    place.until(ready.exists, "it hears TERM")
    manager, recorder = place.manager(), programs(place)["recorder"][0]
    os.kill(recorder, signal.SIGSTOP)  # so that it reads nothing any more
    down = place.begin("down")
    place.gone(manager)
    # Soon the keeper lets it go on, for it is to end too: then it may have read all by itself.
    with contextlib.suppress(ProcessLookupError):
        os.kill(recorder, signal.SIGKILL)
    out, _ = down.communicate(timeout=60)
    assert down.returncode == 0, out
    assert place.stoker("logs", "web").ok().out.count("said at the end") == 1
