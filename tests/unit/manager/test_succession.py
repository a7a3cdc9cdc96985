"""A manager becomes the keeper, whatever room for descriptors it has: what it takes from the
recorder needs no more than what it has opened in place of it.

It is done by a process of its own, which then is what would be the keeper, and says what it has.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from typing import Any

import pytest

MANY = 60
FEW = 24  # of a Python that has just begun, and of what is handed over besides

# What runs in the keeper's stead: it says which names came, and whether each pipe is whole.
_KEEPER = """
import json, os, resource, struct, sys
memory = int(sys.argv[sys.argv.index("--take") + 1])
data = os.pread(memory, 1 << 20, 0)
names, soft = {}, 0
while data:
    (size,) = struct.unpack_from("<I", data)
    words, data = data[4:4 + size].decode().split(chr(0)), data[4 + size:]
    if words[0] == "NAME":
        names[words[2]] = int(words[1])
    elif words[0] == "KEEPER":
        soft = int(words[4])
whole = []
for name, fd in names.items():
    if name.startswith("in/"):
        os.write(fd, name.encode())
        whole.append(os.read(names["log" + name[2:]], 100).decode())
limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
print(json.dumps({"names": sorted(names), "whole": whole, "soft": soft, "limit": limit}))
"""

# A manager that has lost its keeper, with a recorder (another process) that has the pipes' ends.
_MANAGER = """
import json, os, resource, socket, sys
from types import SimpleNamespace
from stoker.linux import limits
from stoker.manager.succession import succeed

many, strays, soft, hard, lacking, keeper = *map(int, sys.argv[1:6]), sys.argv[6]
pipes = {f"svc:/s{n}:default": os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC) for n in range(many)}
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
if os.fork() == 0:
    ours.close()
    for _reader, writer in pipes.values():
        os.close(writer)
    assert json.loads(theirs.recv(65536)) == ["handback"]
    if lacking >= 0:
        theirs.send(b'["saved", 1]')
        there = [("link/recorder", theirs.fileno()), ("rec/held", os.memfd_create("held"))]
        there += [(f"log/{name}", reader) for name, (reader, _writer) in pipes.items()]
        for at in range(0, len(there), 25):
            some = there[at:at + 25]
            message = ["hand", [name for name, _fd in some], at + 25 < len(there)]
            fds = [fd for _name, fd in some][:len(some) - lacking]
            socket.send_fds(theirs, [json.dumps(message).encode()], fds)
    os._exit(0)
theirs.close()
for reader, _writer in pipes.values():
    os.close(reader)
names = {f"in/{name}": writer for name, (_reader, writer) in pipes.items()}
names["link/manager"] = ours.fileno()
channel = open(os.devnull)
keeping = SimpleNamespace(
    command=[sys.executable, "-I", "-S", "-c", keeper, "--run", "/nowhere"],
    estate=lambda: (names, []), heard=0, close=channel.close,
)
others = [os.open(os.devnull, os.O_RDONLY) for _ in range(strays)]
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
limits.most_descriptors = lambda: hard  # for root too
succeed(keeping, None, {})
"""


def become(
    soft: int, hard: int | None = None, strays: int = 0, lacking: int = 0
) -> tuple[dict[str, Any], str]:
    """What the keeper has after all, and what the manager said. `strays`: how many descriptors that
    has which are of no use; `lacking`: how many of each message do not arrive, -1: no answer.
    """
    numbers = (MANY, strays, soft, hard or soft, lacking)
    done = subprocess.run(
        [sys.executable, "-c", _MANAGER, *map(str, numbers), _KEEPER],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


NAMES = [f"svc:/s{number}:default" for number in range(MANY)]
PIPES = {f"{end}/{name}" for end in ("in", "log") for name in NAMES}
REST = {"rec/held", "link/manager", "link/recorder"}


def whole(found: dict[str, Any]) -> bool:
    """Whether there is a reader for each pipe, of that pipe."""
    return sorted(found["whole"]) == sorted(f"in/{name}" for name in NAMES)


@pytest.mark.parametrize("strays", [0, MANY])
def test_two_descriptors_for_each_service_are_enough(strays: int) -> None:
    found, said = become(2 * MANY + FEW, strays=strays)
    assert {*found["names"]} == PIPES | REST
    assert whole(found)
    assert "no room" not in said and "nothing back" not in said


def test_the_soft_limit_is_in_nobody_s_way_and_is_what_services_get() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = 4 * MANY if hard == resource.RLIM_INFINITY else min(hard, 4 * MANY)
    found, _said = become(MANY + FEW, most)
    assert {*found["names"]} == PIPES | REST
    assert (found["soft"], found["limit"]) == (MANY + FEW, most)


def test_without_a_recorder_the_pipes_are_opened_by_their_other_ends() -> None:
    found, _said = become(2 * MANY + FEW, lacking=-1)
    assert {*found["names"]} == PIPES
    assert whole(found)


def test_what_does_not_arrive_is_said_and_is_opened_by_its_other_end() -> None:
    found, said = become(2 * MANY + FEW, lacking=2)
    assert {*found["names"]} == PIPES | REST
    assert whole(found)
    assert "2 descriptors of the recorder find no room" in said
