"""Processes as /proc shows them, and as pidfds and waitid(2) hold them."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from stoker.linux import pidfd, prctl, proc, wait

NOBODY = 2**22 + 7  # above the largest pid that Linux gives


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own that lives until its stdin ends, and has started."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", "print('up', flush=True); input()", "a b", ""],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"WORD": "one=two", "EMPTY": ""},
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    yield process
    process.kill()
    process.communicate()


def ended(fd: int) -> None:
    """Wait until the process of a pidfd has ended."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    assert poll.poll(30_000)


def test_a_stat_line_with_a_misleading_command() -> None:
    numbers = " ".join(str(n) for n in range(4, 53))
    found = proc.parse_stat(f"77 (a) S (b) R 1 2) Z {numbers}\n".encode())
    assert found is not None
    assert (found.pid, found.comm, found.state) == (77, "a) S (b) R 1 2", "Z")
    assert (found.ppid, found.pgrp, found.session, found.tty) == (4, 5, 6, 7)
    assert (found.utime, found.stime, found.threads, found.start) == (14, 15, 20, 22)
    assert found.zombie


@pytest.mark.parametrize("text", [b"", b"12", b"12 (x", b"12 (x) S 1 2"])
def test_a_stat_line_that_is_none(text: bytes) -> None:
    assert proc.parse_stat(text) is None


def test_a_child_as_proc_shows_it(child: subprocess.Popen[bytes]) -> None:
    found = proc.stat(child.pid)
    assert found is not None
    assert (found.pid, found.ppid, found.session, found.pgrp) == (
        child.pid,
        os.getpid(),
        child.pid,
        child.pid,
    )
    assert not found.zombie
    line = proc.cmdline(child.pid)
    assert line is not None
    assert line[1:3] == ["-I", "-S"]
    assert line[-2:] == ["a b", ""]
    environment = proc.environ(child.pid)
    assert environment is not None
    assert environment["WORD"] == "one=two"
    assert environment["EMPTY"] == ""
    assert child.pid in proc.children(os.getpid())
    assert child.pid in proc.descendants(os.getpid())
    assert child.pid in proc.pids()
    assert proc.owner(child.pid) == (os.geteuid(), os.getegid())
    assert (proc.rss(child.pid) or 0) > 100_000
    assert (proc.cpu(child.pid) or 0) >= 0
    assert proc.status(child.pid)["Pid"] == str(child.pid)


def test_identity_is_pid_and_start(child: subprocess.Popen[bytes]) -> None:
    start = proc.start_time(child.pid)
    assert start is not None
    assert proc.is_same(child.pid, start)
    assert not proc.is_same(child.pid, start + 1)
    assert start >= (proc.start_time(os.getpid()) or 0) > 0


def test_the_boot_has_an_id() -> None:
    assert len(proc.boot_id()) == 36
    assert proc.boot_id() == proc.boot_id()


def test_a_zombie_counts_until_it_is_reaped(child: subprocess.Popen[bytes]) -> None:
    fd = pidfd.open_pid(child.pid)
    assert fd is not None
    child.kill()
    ended(fd)
    found = proc.stat(child.pid)
    assert found is not None
    assert found.zombie
    assert proc.cmdline(child.pid) in ([], None)
    assert child.pid in proc.children(os.getpid())
    os.close(fd)


def test_nobody_is_an_ordinary_answer() -> None:
    for ask in (
        proc.stat,
        proc.start_time,
        proc.cmdline,
        proc.environ,
        proc.owner,
        proc.rss,
        proc.cpu,
        proc.cgroup_of,
        pidfd.open_pid,
    ):
        assert ask(NOBODY) is None, ask
    assert proc.children(NOBODY) == []
    assert proc.descendants(NOBODY) == []
    assert proc.status(NOBODY) == {}
    assert not proc.is_same(NOBODY, 1)
    assert wait.peek(NOBODY) is None
    assert wait.reap(NOBODY) is None


def test_a_pidfd_signals_and_tells_of_the_end(child: subprocess.Popen[bytes]) -> None:
    fd = pidfd.open_pid(child.pid)
    assert fd is not None
    assert not os.get_inheritable(fd)
    told = pidfd.info(fd)
    if told is not None:  # the kernel knows the call
        assert (told.pid, told.ppid, told.uid) == (child.pid, os.getpid(), os.geteuid())
        assert told.status is None
    assert pidfd.send_signal(fd, signal.SIGKILL)
    ended(fd)
    assert wait.reap(child.pid) == (child.pid, os.CLD_KILLED, signal.SIGKILL)
    assert not pidfd.send_signal(fd, signal.SIGTERM)
    # Kernels before 6.15 forget the status with the process.
    assert pidfd.exit_status(fd) in (signal.SIGKILL, None)
    os.close(fd)


def test_peeking_leaves_the_child_and_reaping_takes_it(child: subprocess.Popen[bytes]) -> None:
    assert wait.peek(child.pid) is None
    assert wait.reap(child.pid) is None
    fd = pidfd.open_pid(child.pid)
    assert fd is not None
    child.terminate()
    ended(fd)
    os.close(fd)
    seen = wait.peek(child.pid)
    assert seen == (child.pid, os.CLD_KILLED, signal.SIGTERM)
    assert wait.peek(child.pid) == seen
    assert wait.reap(child.pid) == seen
    assert wait.peek(child.pid) is None
    child.returncode = -signal.SIGTERM


def test_being_a_subreaper_can_be_set_and_asked() -> None:
    assert not prctl.get_subreaper()
    prctl.set_subreaper(True)
    assert prctl.get_subreaper()
    prctl.set_subreaper(False)
    assert not prctl.get_subreaper()
