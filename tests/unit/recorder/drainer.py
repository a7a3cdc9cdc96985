"""A recorder's draining alone, as a program: ``drainer.py LOGS PIPE READER WRITER JOURNAL TABLE``.

The settings come as JSON in DRAINER_SETTINGS. Ends with 0 at the pipe's end of file.
"""

from __future__ import annotations

import json
import os
import select
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "src"))

from stoker.linux import Loop
from stoker.recorder.book import Shelf
from stoker.recorder.drain import Drain
from stoker.recorder.journal import Journal, Table
from stoker.recorder.lines import OUT
from stoker.recorder.passing import Passing
from stoker.recorder.pipes import Pipe
from stoker.recorder.settings import Settings

FMRI = "svc:/web:default"
NONCE = "0123456789abcdef"


def main() -> None:
    logs = sys.argv[1]
    fd, reader, writer, journal, table = (int(word) for word in sys.argv[2:])
    shelf = Shelf(logs, Table(table), lambda path: None)
    shelf.set(FMRI, Settings(json.loads(os.environ["DRAINER_SETTINGS"])))
    drain = Drain(
        Journal(reader, writer, journal),
        shelf,
        trouble=lambda *said: print("trouble", *said, flush=True),
        well=lambda *said: print("well", *said, flush=True),
        matched=lambda *said: print("matched", *said, flush=True),
        passing=Passing(Loop(print), {}),
    )
    drain.set_mark(NONCE)
    pipe = Pipe(f"log/{FMRI}", fd, shelf.book(FMRI), OUT)
    drain.recover({pipe.name: pipe})
    while True:
        select.select([fd], [], [])
        if drain.read(pipe) == 0:
            return


if __name__ == "__main__":
    main()
