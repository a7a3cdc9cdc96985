"""Parts of the recorder by themselves: stoker.log's length, the link's queue, passing through."""

from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stoker import model
from stoker.linux import Loop
from stoker.recorder.compress import compress
from stoker.recorder.ledger import Ledger
from stoker.recorder.link import Link, chunks
from stoker.recorder.logfile import all_of
from stoker.recorder.ownlog import OWN_FOLDER, OwnLog
from stoker.recorder.read import Grant, answer
from stoker.repository import History, open_readonly, transitions

SOURCE = Path(__file__).resolve().parents[3] / "src"


def test_stoker_log_is_copied_and_cut_under_its_writers(tmp_path: Path) -> None:
    path = tmp_path / "stoker.log"
    writer = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    line = b"2026-11-21T10:11:12.123456Z keeper: a line\n"
    os.write(writer, line * 100)
    closed: list[str] = []
    log = OwnLog(str(path), closed.append, limit=1000)
    log.look()
    assert path.read_bytes() == b""
    os.write(writer, line)
    os.close(writer)
    assert path.read_bytes() == line
    assert Path(closed[0]).read_bytes() == line * 100
    assert Path(closed[0]).parent == tmp_path / OWN_FOLDER
    log.look()  # too soon to look again, and short enough
    assert len(closed) == 1
    (record,) = all_of(str(path), "stoker", own=True)
    assert (record.time, record.stream, record.text) == (
        "2026-11-21T10:11:12.123456Z", "keeper", b"a line",
    )  # fmt: skip


def test_a_compressed_file_is_an_ordinary_gzip(tmp_path: Path) -> None:
    path = tmp_path / "20261121T101112.123456Z"
    text = os.urandom(300_000)
    path.write_bytes(text)
    os.utime(path, (5, 7))
    compress(str(path))
    packed = tmp_path / (path.name + ".gz")
    assert gzip.decompress(packed.read_bytes()) == text
    assert os.stat(packed).st_mtime == 7
    assert os.listdir(tmp_path) == [packed.name]


def test_chunks_hold_everything_once() -> None:
    items = {f"svc:/s{n}:default": {"why": "x" * (n * 37 % 900)} for n in range(500)}
    pieces = list(chunks(items, 5000))
    assert [more for _, more in pieces] == [True] * (len(pieces) - 1) + [False]
    assert all(len(json.dumps(piece)) <= 5100 for piece, _ in pieces)
    assert {key: value for piece, _ in pieces for key, value in piece.items()} == items
    assert list(chunks({})) == [({}, False)]


def test_what_the_other_side_does_not_take_waits_and_keeps_its_order() -> None:
    errors: list[Exception] = []
    loop = Loop(errors.append)
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    heard: list[Any] = []
    link = Link(loop, near.detach(), heard.append, loop.stop, lambda text: None)
    for number in range(2000):
        link.send("number", number, "x" * 100)
    got: list[int] = []
    far.settimeout(30)

    def after() -> None:
        while True:
            try:
                far.setblocking(False)
                got.append(json.loads(far.recv(65536))[1])
            except BlockingIOError:
                break
        if len(got) == 2000:
            loop.stop()

    loop.run(after)
    assert got == list(range(2000))
    far.send(b'["hello", 1]')
    far.close()
    loop.run()
    assert heard == [["hello", 1]]
    assert errors == []
    loop.close()


def test_history_is_kept_as_long_as_the_settings_say(tmp_path: Path) -> None:
    path, usual = str(tmp_path / "history.db"), model.Settings()
    loop = Loop(lambda error: None)
    ledger = Ledger(
        loop, str(tmp_path / "r.db"), path, "life", send=lambda *_: None, said=lambda _: None
    )

    def kept(first: int, count: int) -> int:
        rows = [[n, "svc:/web:default", "a", "b", "", "", n, ""] for n in range(first, count)]
        ledger.transitions(rows)
        ledger.write_history()
        assert ledger._history is not None
        base = open_readonly(path)
        found = len(list(transitions(base, limit=1_000_000)))
        base.close()
        return found

    assert kept(0, 5000) == 5000
    assert ledger._history is not None
    assert (ledger._history.rows, ledger._history.age) == (usual.history_count, usual.history_age)
    ledger.bound(700, usual.history_age)
    assert kept(5000, 10_000) == 700
    ledger.close()
    loop.close()


def test_passing_through_names_each_line_and_survives_a_closed_output() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(SOURCE)!r});"
        "from stoker.recorder.output import pass_through;"
        "pass_through('web', b'one\\ntwo\\n'); import os; os.close(1); pass_through('web', b'x')"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, check=True)
    assert done.stdout == b"web: one\nweb: two\n"
    assert done.stderr == b""


WEB, DB = "svc:/web:default", "svc:/db:default"
OF = (WEB, f"{WEB} {DB}")  # members of two operations
MAY_READ_WEB = [Grant("read", ["2000"], [], ["web*"])]


def told(place: Path, uid: int, **asked: Any) -> list[dict[str, Any]]:
    """What the reader answers an account, line by line."""
    rights = model.rights_of(model.Peer(1, uid, uid), MAY_READ_WEB, 1000)
    found = bytearray()
    question = json.dumps(asked).encode()
    logs, past = str(place / "logs"), str(place / "history.db")
    answer(logs, past, question, lambda data, _flush: found.extend(data), rights)
    return [json.loads(line) for line in found.splitlines()]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    for fmri in (WEB, DB):
        folder = tmp_path / "logs" / model.display(fmri)
        folder.mkdir(parents=True)
        line = f"2026-11-21T10:11:12.123456Z o 1 {fmri}\n"
        (folder / "current").write_text(line)
    (tmp_path / "logs" / "stoker.log").write_text("2026-11-21T10:11:12.123456Z keeper: begins\n")
    history = History(str(tmp_path / "history.db"), "life")
    history.write(
        [(at, fmri, "offline", "online", "none", "", 1, "") for at, fmri in ((1, WEB), (2, DB))],
        [(fmri, 1, "begin", 3, 7, None, None) for fmri in (WEB, DB)],
        [
            (1, "stop", WEB, "root", 4, "done", ""),
            (2, "stop", f"{WEB} {DB}", "root", 5, "done", ""),
        ],
    )
    history.close()
    return tmp_path


def test_others_read_what_their_roles_name_and_nothing_else(written: Path) -> None:
    end = {"end": True}
    *lines, last = told(written, 2000, do="logs")
    assert ([line["text"] for line in lines], last) == ([WEB], end)
    assert [one.get("fmri") for one in told(written, 2000, do="names")] == [WEB, None]
    *rows, last = told(written, 2000, do="history", what="transitions", limit=1)
    assert ([row["fmri"] for row in rows], last) == ([WEB], end)
    *rows, last = told(written, 2000, do="history", what="runs")
    assert ([row["fmri"] for row in rows], last) == ([WEB], end)
    *rows, last = told(written, 2000, do="history", what="operations")
    assert ([row["number"] for row in rows], last) == ([1], end)
    assert told(written, 2000, do="logs", names=[WEB])[-1] == end
    assert len(told(written, 1000, do="logs", own=True)) == 2


@pytest.mark.parametrize(
    ("uid", "asked"),
    [
        (2000, {"do": "logs", "names": [DB]}),
        (2000, {"do": "logs", "names": [WEB, DB]}),
        (2000, {"do": "logs", "own": True}),
        (2000, {"do": "history", "names": [DB]}),
        (3000, {"do": "logs"}),
        (3000, {"do": "names"}),
        (3000, {"do": "history", "what": "operations"}),
    ],
)
def test_what_goes_further_is_refused(written: Path, uid: int, asked: dict[str, Any]) -> None:
    (only,) = told(written, uid, **asked)
    assert only["refused"] is True
    assert "may not read" in only["error"]
