"""Move every job from the inbox to the store, in the order of arrival."""

import signal
import sys
import time
from pathlib import Path

from common import INBOX, connect, notify

PAUSE = 0.2  # seconds between two looks into the inbox


def work(store, job: Path) -> None:
    """Write one job down, then take it away: done twice is done once, after a crash between."""
    with store:
        store.execute("INSERT OR IGNORE INTO done VALUES (?, ?)", (job.name, job.read_text()))
    job.unlink()
    print(f"done: {job.name}")


def jobs() -> list[Path]:
    waiting = [job for job in INBOX.iterdir() if not job.name.startswith(".")]
    return sorted(waiting, key=lambda job: job.stat().st_mtime)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    store = connect()
    store.execute("SELECT count(*) FROM done")  # fails here, and not later, without a store
    notify("READY=1\nSTATUS=waiting for jobs")
    while True:
        for job in jobs():
            work(store, job)
        time.sleep(PAUSE)


main()
