"""What the manager's process loads: memory and time to start are spent on what it needs."""

from __future__ import annotations

import subprocess
import sys

# Each of these costs milliseconds or megabytes, and belongs to another process of ours.
FOREIGN = {
    "argparse",
    "asyncio",
    "concurrent.futures",
    "email",
    "http",
    "logging",
    "multiprocessing",
    "rich",
    "shutil",
    "sqlite3",
    "ssl",
    "stoker.cli",
    "stoker.client",
    "stoker.formats",
    "stoker.insight",
    "stoker.recorder",
    "stoker.repository",
    "stoker.testing",
    "subprocess",
    "threading",
    "tomllib",
    "unittest",
    "xml",
}


def test_the_manager_loads_nothing_of_other_rooms() -> None:
    path = [entry for entry in sys.path if entry]
    code = (
        f"import sys; sys.path[:0] = {path!r}\n"
        "import stoker.daemon, stoker.model as m\n"
        "m.Place, m.Compiled\n"
        "print('\\n'.join(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "stoker.manager" in loaded
    assert sorted(loaded & FOREIGN) == []
