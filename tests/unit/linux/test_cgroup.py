"""cgroup2: on a tree of plain files everywhere, and on the kernel's own where we may make one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from stoker.linux import Cgroup, cgroup, mounts


@pytest.fixture
def group() -> Iterator[Cgroup]:
    """A cgroup of this test's own."""
    parent = cgroup.usable()
    if parent is None:
        pytest.skip("no cgroup2 in which we may make one")
    made = parent.child(f"stoker-test-{uuid.uuid4().hex}")
    made.make()
    yield made
    made.kill()
    made.remove()


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_the_mount_is_found_in_the_table() -> None:
    table = mounts.parse_mountinfo(
        "1 0 0:1 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
        "2 1 0:2 /part /below rw - cgroup2 cgroup2 rw\n"
        "3 1 0:2 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
    )
    found = cgroup.find_mount(table)
    assert found is not None
    assert found.point == "/sys/fs/cgroup/unified"
    assert cgroup.find_mount(table[:1]) is None


def test_files_are_read_as_the_kernel_writes_them(tmp_path: Path) -> None:
    for name, text in {
        "cgroup.controllers": "cpu memory pids\n",
        "cgroup.subtree_control": "memory\n",
        "cgroup.events": "populated 1\nfrozen 0\n",
        "cgroup.procs": "12\n30\n",
        "memory.current": "4096\n",
        "pids.current": "7\n",
        "cpu.stat": "usage_usec 1500000\nuser_usec 1\n",
        "memory.max": "max\n",
    }.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "cgroup.procs").write_text("20\n")
    one = Cgroup(tmp_path)
    assert one.controllers() == {"cpu", "memory", "pids"}
    assert one.enabled_controllers() == {"memory"}
    assert one.populated()
    assert not one.frozen()
    assert one.procs() == [12, 20, 30]
    assert one.own_procs() == [12, 30]
    assert (one.memory(), one.tasks(), one.cpu()) == (4096, 7, 1.5)
    one.write("memory.max", "1048576")
    assert one.read("memory.max") == "1048576"
    assert [inner.path for inner in one.below()] == [f"{tmp_path}/inner", str(tmp_path)]


def test_what_is_gone_answers_as_empty(tmp_path: Path) -> None:
    gone = Cgroup(tmp_path / "gone")
    assert not gone.exists()
    assert gone.inode() is None
    assert gone.procs() == []
    assert not gone.populated()
    assert not gone.frozen()
    assert not gone.freeze()
    assert gone.signal(signal.SIGTERM) == 0
    gone.kill()
    assert gone.remove()
    assert gone.controllers() == frozenset()
    assert gone.enable(frozenset({"memory"})) == frozenset()
    assert (gone.memory(), gone.tasks(), gone.cpu()) == (None,) * 3
    with pytest.raises(FileNotFoundError):
        gone.open()


def test_a_cgroup_is_made_once_and_removed(group: Cgroup) -> None:
    inner = group.child("a").child("b")
    assert inner.make()
    assert not inner.make()
    assert inner.inode() != group.inode()
    assert not inner.populated()
    assert group.remove()
    assert not group.exists()


def test_processes_are_moved_listed_and_killed(
    group: Cgroup, child: subprocess.Popen[bytes]
) -> None:
    inner = group.child("inner")
    inner.make()
    assert inner.move(child.pid)
    assert group.procs() == [child.pid]
    assert group.own_procs() == []
    assert group.populated()
    assert not group.remove()
    assert group.signal(0) == 1
    group.kill()
    assert child.wait(30) == -signal.SIGKILL
    assert not group.populated()
    assert group.procs() == []
    assert not inner.move(2**22 + 7)


def test_killing_works_without_the_kernels_help(
    group: Cgroup, child: subprocess.Popen[bytes]
) -> None:
    group.move(child.pid)
    group.kill_each()
    assert child.wait(30) == -signal.SIGKILL


BORN_INSIDE = """
import os, sys
from stoker.linux import clone, wait
fd = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECTORY)
reader, writer = os.pipe()
pid = clone.clone3(cgroup=fd)
if pid == 0:
    os.write(writer, open("/proc/self/cgroup").read().encode())
    os._exit(7)
os.close(writer)
print(os.read(reader, 10000).decode())
assert os.waitpid(pid, 0) == (pid, 7 << 8)
"""


def test_a_child_is_born_in_its_cgroup(group: Cgroup) -> None:
    """In a program of its own: a raw fork wants a process with one thread."""
    done = subprocess.run(
        [sys.executable, "-c", BORN_INSIDE, group.path],
        stdout=subprocess.PIPE,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0
    assert os.path.basename(group.path) in done.stdout
