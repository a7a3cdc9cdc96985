"""What becomes of the bytes that a service writes; in one process, with the test's clock."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stoker.linux import Loop
from stoker.recorder.book import Shelf
from stoker.recorder.compress import main as compress
from stoker.recorder.drain import Drain
from stoker.recorder.journal import BLOCK, Journal, Table
from stoker.recorder.lines import ERR, OUT
from stoker.recorder.logfile import Record, all_of, files_of, last_of
from stoker.recorder.names import fmri_of, folder_of
from stoker.recorder.passing import Passing
from stoker.recorder.pipes import Pipe
from stoker.recorder.settings import Settings

WEB = "svc:/web:default"
NONCE = "00112233445566aa"
START = 1_795_255_872_123_456_000  # 2026-11-21T10:11:12.123456Z


class Desk:
    """A drain whose pipes the test writes, with a clock that the test moves."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.now = START
        self.said: list[tuple[Any, ...]] = []
        self.closed: list[str] = []
        self.journal = Journal(*Journal.create())
        self.table = Table(Table.create())
        self.shelf = Shelf(str(root), self.table, self.closed.append)
        self.drain = Drain(
            self.journal,
            self.shelf,
            trouble=lambda *said: self.said.append(("trouble", *said)),
            well=lambda *said: self.said.append(("well", *said)),
            matched=lambda *said: self.said.append(("matched", *said)),
            passing=Passing(Loop(print), {}),
            clock=lambda: self.now,
        )
        self.drain.set_mark(NONCE)
        self.sinks: dict[str, int] = {}
        self.pipes: dict[str, Pipe] = {}

    def pipe(self, fmri: str, stream: int = OUT) -> Pipe:
        name = f"log/{fmri}" + ("#err" if stream == ERR else "")
        if name not in self.pipes:
            source, self.sinks[name] = os.pipe()
            os.set_blocking(source, False)
            self.pipes[name] = Pipe(name, source, self.shelf.book(fmri), stream)
        return self.pipes[name]

    def write(self, data: bytes, fmri: str = WEB, stream: int = OUT) -> None:
        """Write, and let it be drained."""
        pipe = self.pipe(fmri, stream)
        while data:
            data = data[os.write(self.sinks[pipe.name], data[:60000]) :]
            while self.drain.read(pipe) > 0:
                pass

    def mark(self, run: int, fmri: str = WEB) -> None:
        self.write(f"\0\x1estoker{NONCE} run {run} 5\n".encode(), fmri)

    def records(self, fmri: str = WEB) -> list[Record]:
        folder = os.path.join(str(self.root), folder_of(fmri))
        return [one for path in files_of(folder) for one in all_of(path, fmri)]

    def texts(self, fmri: str = WEB) -> list[bytes]:
        return [one.text for one in self.records(fmri)]

    def current(self) -> bytes:
        return (self.root / "web" / "current").read_bytes()

    def close(self) -> None:
        self.shelf.close_all()
        for name, pipe in self.pipes.items():
            os.close(pipe.fd)
            os.close(self.sinks[name])
        self.journal.close()
        self.table.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    one = Desk(tmp_path)
    yield one
    one.close()


def test_the_format_of_a_line(desk: Desk) -> None:
    desk.mark(12)
    desk.write(b"hello\nworld\n")
    desk.now += 1_000_000_000
    desk.write(b"oops\n", stream=ERR)
    assert desk.current() == (
        b"2026-11-21T10:11:12.123456Z o 12 hello\n"
        b"2026-11-21T10:11:12.123456Z o 12 world\n"
        b"2026-11-21T10:11:13.123456Z e 12 oops\n"
    )


def test_a_file_is_opened_at_the_first_byte(desk: Desk) -> None:
    desk.mark(1)
    desk.mark(2)
    assert list(desk.root.iterdir()) == []


def test_an_unfinished_line_is_joined_across_blocks(desk: Desk) -> None:
    desk.write(b"one ")
    desk.now += 5_000_000_000
    desk.write(b"line")
    desk.write(b"\nnext\n")
    assert desk.current() == (
        b"2026-11-21T10:11:12.123456Z o 0 one line\n2026-11-21T10:11:17.123456Z o 0 next\n"
    )


def test_a_run_ends_an_unfinished_line(desk: Desk) -> None:
    for run in (1, 2):
        desk.mark(run)
        desk.write(b"half")
    assert [(one.run, one.text) for one in desk.records()] == [(1, b"half"), (2, b"half")]
    assert b"stoker" not in desk.current()


@pytest.mark.parametrize("mode", ["lines", "json"])
def test_a_line_that_an_earlier_life_left_unfinished_is_not_gone_on_with(
    desk: Desk, mode: str
) -> None:
    desk.shelf.set(WEB, Settings({"mode": mode}))
    desk.mark(7)
    desk.write(b"half")
    later = Desk(desk.root)  # of what the keeper held for the first, nothing is left
    later.shelf.set(WEB, Settings({"mode": mode}))
    later.write(b"whole\n")
    assert [(one.run, one.text) for one in later.records()] == [(7, b"half"), (0, b"whole")]
    later.close()


def test_last_lines_that_cannot_be_read_back_are_in_nobodys_way(desk: Desk) -> None:
    desk.mark(1)
    desk.write(b"one\n")
    path = desk.root / "web" / "current"
    for_writing = os.open(path, os.O_WRONLY)
    os.dup2(for_writing, desk.shelf.book(WEB).fd)
    os.close(for_writing)
    desk.mark(2)
    desk.write(b"two\n")
    assert [(one.run, one.text) for one in desk.records()] == [(1, b"one"), (2, b"two")]


def test_a_service_cannot_forge_a_mark(desk: Desk) -> None:
    desk.mark(3)
    forged = b"\0\x1estoker" + b"f" * 16 + b" run 9 9\n"
    desk.write(forged + b"\0\x1estoker" + NONCE.encode() + b" run x\n" + b"\0\x1e")
    assert {one.run for one in desk.records()} == {3}
    assert desk.texts() == [forged[:-1], b"\0\x1estoker" + NONCE.encode() + b" run x", b"\0\x1e"]


def test_a_mark_that_a_block_cuts_is_whole_again(desk: Desk) -> None:
    """A block ends within the mark, at each of its bytes."""
    mark = f"\0\x1estoker{NONCE} run 7 5\n".encode()
    pipe = desk.pipe(WEB)
    for cut in range(1, len(mark)):
        desk.drain.begin_run(pipe.book, 0)
        os.write(desk.sinks[pipe.name], b"before\n" + mark + b"after\n")
        desk.journal.begin(pipe.name)
        desk.journal.take(pipe.fd, len(b"before\n") + cut)
        desk.drain._block(pipe.book, OUT, pipe.fd)
        while desk.drain.read(pipe) > 0:
            pass
        assert [(one.run, one.text) for one in desk.records()[-2:]] == [
            (0, b"before"),
            (7, b"after"),
        ]


def test_any_byte_comes_back(desk: Desk) -> None:
    every = bytes(range(256)).replace(b"\n", b"") * 3
    for mode in ("lines", "plain", "json"):
        fmri = f"svc:/{mode}:default"
        desk.shelf.set(fmri, Settings({"mode": mode}))
        desk.write(every + b"\n" + b"\n" + every + b"\n", fmri)
        assert desk.texts(fmri) == [every, b"", every]
        (_, _, third) = (json.loads(one.to_json()) for one in desk.records(fmri))
        assert third["text"].encode("utf-8", "surrogateescape") == every


def test_json_lines_are_json(desk: Desk) -> None:
    desk.shelf.set(WEB, Settings({"mode": "json"}))
    desk.mark(4)
    desk.write('say "hallo" \\ ü\n'.encode())
    desk.write(b"half ")
    desk.write(b"whole\n")
    assert [json.loads(line) for line in desk.current().splitlines()] == [
        {"time": "2026-11-21T10:11:12.123456Z", "stream": "o", "run": 4, "text": text}
        for text in ('say "hallo" \\ ü', "half whole")
    ]


def test_plain_lines_stay_as_they_are(desk: Desk) -> None:
    desk.shelf.set(WEB, Settings({"mode": "plain"}))
    desk.mark(1)
    desk.write(b"one\ntwo\n")
    desk.now += 60_000_000_000
    desk.mark(2)
    desk.write(b"err\n", stream=ERR)
    assert desk.current() == b"one\ntwo\nerr\n"
    assert [(one.time, one.stream, one.run, one.text) for one in desk.records()] == [
        ("2026-11-21T10:11:12.123456Z", "o", 1, b"one"),
        ("2026-11-21T10:11:12.123456Z", "o", 1, b"two"),
        ("2026-11-21T10:12:12.123456Z", "e", 2, b"err"),
    ]


def test_a_file_of_another_mode_is_closed_first(desk: Desk) -> None:
    for number, mode in enumerate(("lines", "json", "plain", "lines")):
        desk.shelf.set(WEB, Settings({"mode": mode}))
        desk.now += 1_000_000_000
        desk.write(b"text %d\n" % number)
    assert sorted(desk.texts()) == [b"text 0", b"text 1", b"text 2", b"text 3"]
    assert len(files_of(str(desk.root / "web"))) == 4


def test_no_newline_for_very_long(desk: Desk) -> None:
    desk.shelf.set(WEB, Settings({"size": 100_000, "count": 1000}))
    long = b"0123456789" * 200_000
    desk.write(long + b"\nend\n")
    found = desk.records()
    assert found[-1].text == b"end"
    assert b"".join(one.text for one in found[:-1]) == long
    assert all(one.part for one in found[1:-1])
    assert max(os.path.getsize(path) for path in files_of(str(desk.root / "web"))) < 500_000


def test_rotation_by_size_count_and_total(desk: Desk) -> None:
    desk.shelf.set(WEB, Settings({"size": 10_000, "count": 3, "compress": False}))
    for number in range(1000):
        desk.now += 1_000_000
        desk.write(b"%06d %s\n" % (number, b"x" * 60))
    paths = files_of(str(desk.root / "web"))
    assert len(paths) == 4
    assert all(os.path.getsize(path) < 11_000 for path in paths)
    numbers = [int(text[:6]) for text in desk.texts()]
    assert numbers == list(range(numbers[0], 1000))
    desk.shelf.set(WEB, Settings({"size": 10_000, "count": 3, "total": 15_000, "compress": False}))
    desk.shelf.rotate(desk.shelf.book(WEB), desk.now)
    assert sum(map(os.path.getsize, files_of(str(desk.root / "web")))) <= 15_000


def test_order_survives_a_clock_that_is_set_back(desk: Desk) -> None:
    for number in range(5):
        desk.write(b"line %d\n" % number)
        desk.shelf.rotate(desk.shelf.book(WEB), desk.now)
        desk.now -= 3600_000_000_000
    assert desk.texts() == [b"line %d" % number for number in range(5)]


def test_rotation_by_age(desk: Desk) -> None:
    desk.shelf.set(WEB, Settings({"age": 3600}))
    desk.write(b"first\n")
    desk.now += 3_599_000_000_000
    desk.write(b"second\n")
    desk.now += 2_000_000_000
    desk.write(b"third\n")
    first, second = files_of(str(desk.root / "web"))
    assert [one.text for one in all_of(first, WEB)] == [b"first", b"second"]
    assert [one.text for one in all_of(second, WEB)] == [b"third"]


def test_compression_keeps_every_line(desk: Desk) -> None:
    for number in range(3):
        desk.write(b"line %d\n" % number)
        desk.now += 1_000_000
        desk.shelf.rotate(desk.shelf.book(WEB), desk.now)
    for path in dict.fromkeys(desk.closed):
        assert compress([path]) == 0
    names = sorted(os.listdir(desk.root / "web"))
    assert len(names) == 3 and all(name.endswith(".gz") for name in names)
    assert desk.texts() == [b"line 0", b"line 1", b"line 2"]
    assert compress([str(desk.root / "gone")]) == 0


def test_the_last_lines_are_found_from_the_end(desk: Desk) -> None:
    desk.write(b"".join(b"line %d\n" % number for number in range(20_000)))
    path = files_of(str(desk.root / "web"))[-1]
    last = last_of(path, WEB, 3, lambda one: True)
    assert [one.text for one in last] == [b"line 19997", b"line 19998", b"line 19999"]
    rare = last_of(path, WEB, 2, lambda one: one.text in (b"line 1", b"line 2", b"line 3"))
    assert [one.text for one in rare] == [b"line 2", b"line 3"]


def full(monkeypatch: pytest.MonkeyPatch, number: int, short: int | None = None) -> list[bool]:
    """Writing fails while the list's one element is True; with `short`, after that many bytes."""
    state = [True]
    really, really_one = os.pwritev, os.pwrite

    def pwritev(fd: int, parts: list[bytes], offset: int) -> int:
        if not state[0]:
            return really(fd, parts, offset)
        if short is None:
            raise OSError(number, os.strerror(number))
        return really_one(fd, b"".join(parts)[:short], offset)

    def pwrite(fd: int, data: bytes, offset: int) -> int:
        if state[0]:
            raise OSError(number, os.strerror(number))
        return really_one(fd, data, offset)

    monkeypatch.setattr(os, "pwritev", pwritev)
    monkeypatch.setattr(os, "pwrite", pwrite)
    return state


@pytest.mark.parametrize("mode", ["lines", "json", "plain"])
@pytest.mark.parametrize("short", [None, 5])
def test_a_full_disk_drops_counts_and_goes_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, mode: str, short: int | None
) -> None:
    desk.shelf.set(WEB, Settings({"mode": mode}))
    desk.mark(1)
    desk.write(b"before\n")
    state = full(monkeypatch, errno.ENOSPC, short)
    for _ in range(10):
        desk.write(b"lost\nlost\n")
        desk.now += 500_000_000
    (trouble,) = desk.said
    assert trouble[:3] == ("trouble", "log", WEB) and "No space left" in trouble[3]
    state[0] = False
    desk.now += 2_000_000_000
    desk.write(b"after\n")
    assert desk.said[1] == ("well", "log", WEB)
    assert [(one.stream, one.text) for one in desk.records()] == [
        ("o", b"before"),
        ("s", b"stoker: 20 lines (100 bytes) could not be kept since 2026-11-21T10:11:12.123456Z"),
        ("o", b"after"),
    ]


def test_what_was_dropped_is_said_even_if_nothing_more_comes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = full(monkeypatch, errno.EIO)
    desk.write(b"lost\n")
    assert desk.drain.sick == {WEB}
    desk.now += 2_000_000_000
    desk.drain.retry()
    assert desk.drain.sick == {WEB}
    state[0] = False
    desk.now += 2_000_000_000
    desk.drain.retry()
    assert desk.drain.sick == set()
    (record,) = desk.records()
    assert record.text.startswith(b"stoker: 1 lines (5 bytes) could not be kept")


def test_a_folder_that_cannot_be_made(desk: Desk) -> None:
    (desk.root / "web").write_text("in the way")
    desk.write(b"lost\n")
    assert desk.said[0][:3] == ("trouble", "log", WEB)
    (desk.root / "web").unlink()
    desk.now += 2_000_000_000
    desk.write(b"kept\n")
    assert desk.texts()[-1] == b"kept"


def test_a_log_that_somebody_removes_or_cuts(desk: Desk) -> None:
    desk.write(b"one\n")
    (desk.root / "web" / "current").unlink()
    desk.now += 2_000_000_000
    desk.write(b"two\n")
    assert desk.texts() == [b"two"]
    os.truncate(desk.root / "web" / "current", 0)
    desk.now += 2_000_000_000
    desk.write(b"three\n")
    assert desk.texts() == [b"three"]


def test_directories_that_are_removed_whole_stay_gone(tmp_path: Path) -> None:
    above = tmp_path / "project" / ".stoker"
    above.mkdir(parents=True)
    desk = Desk(above / "logs")
    try:
        desk.write(b"before\n")
        shutil.rmtree(above / "logs")
        desk.now += 2_000_000_000
        desk.write(b"the log directory alone is made again\n")
        assert desk.texts() == [b"the log directory alone is made again"]
        shutil.rmtree(tmp_path / "project")
        desk.now += 2_000_000_000
        desk.write(b"lost\n")
        assert not (tmp_path / "project").exists()
        assert [one[0] for one in desk.said] == ["trouble"]
        above.mkdir(parents=True)
        desk.now += 2_000_000_000
        desk.write(b"after\n")
        first, second = desk.texts()
        assert b"1 lines (5 bytes) could not be kept" in first and second == b"after"
        assert [one[0] for one in desk.said] == ["trouble", "well"]
    finally:
        desk.close()


def test_at_most_512_files_are_open(desk: Desk) -> None:
    before = len(os.listdir("/proc/self/fd"))
    book = None
    for number in range(600):
        book = desk.shelf.book(f"svc:/many{number}:default")
        assert desk.drain.remark(book, "hello")
    assert len(os.listdir("/proc/self/fd")) - before <= 520
    first = desk.shelf.book("svc:/many0:default")
    assert desk.drain.remark(first, "again")
    assert [one.text for one in desk.records("svc:/many0:default")] == [b"hello", b"again"]


def test_nothing_is_kept_where_nothing_should_be(desk: Desk) -> None:
    desk.shelf.set(WEB, Settings({"mode": "none"}))
    desk.mark(1)
    desk.write(b"gone\n")
    assert list(desk.root.iterdir()) == []
    assert desk.shelf.book(WEB).tail == b"gone\n"


def test_the_table_grows_and_remembers(tmp_path: Path) -> None:
    memory = Table.create()
    table = Table(os.dup(memory))
    names = [f"svc:/s{number}:default" for number in range(10_000)]
    for number, name in enumerate(names):
        table.set_state(table.slot(name), number + 1)
    table.forget(names[5])
    again = Table(memory)
    assert [again.state(again.slot(name)) for name in names[:5]] == [1, 2, 3, 4, 5]
    assert again.state(again.slot(names[5])) == 0
    assert again.state(again.slot(names[-1])) == 10_000
    table.close()
    again.close()


@pytest.mark.parametrize(
    ("fmri", "folder"),
    [
        ("svc:/web:default", "web"),
        ("svc:/web:blue", "web:blue"),
        ("svc:/site/api:blue", "site%2Fapi:blue"),
        ("svc:/.hidden:default", "%2Ehidden"),
        ("svc:/50%:default", "50%25"),
        ("svc:/grün:default", "gr%C3%BCn"),
    ],
)
def test_names_of_folders(fmri: str, folder: str) -> None:
    assert folder_of(fmri) == folder
    assert fmri_of(folder) == fmri


def test_a_block_is_never_more_than_the_buffer(desk: Desk) -> None:
    pipe = desk.pipe(WEB)
    os.write(desk.sinks[pipe.name], b"x" * 65536)
    assert 0 < desk.drain.read(pipe) <= BLOCK


def test_a_file_that_the_service_writes_itself_is_read_too(desk: Desk, tmp_path: Path) -> None:
    own = tmp_path / "elsewhere.log"
    own.write_text("by itself\n")
    desk.shelf.set(WEB, Settings({"mode": "file", "path": str(own)}))
    assert desk.texts() == [b"by itself"]
    desk.shelf.set(WEB, Settings({"mode": "lines"}))
    desk.write(b"through us\n")
    assert desk.texts() == [b"through us"]
    assert own.read_text() == "by itself\n"
