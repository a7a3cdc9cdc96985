"""What offers requests at a rate offers them, and tells what became of them."""

from __future__ import annotations

import importlib.util
import shutil
import socketserver
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[3]
if not (_ROOT / "bench/__init__.py").exists():
    pytest.skip("the measurements are not here", allow_module_level=True)
if importlib.util.find_spec("bench") is None:
    sys.path.append(str(_ROOT))

from bench import load  # noqa: E402

_HEAD = b"HTTP/1.1 200 \r\nContent-Type: x\r\nContent-Length: 20\r\n\r\n"


class _Answers(socketserver.StreamRequestHandler):
    """Whoever follows is told one thing, and whoever asks is answered, in two pieces."""

    def handle(self) -> None:
        server = self.server
        assert isinstance(server, _Server)
        for line in self.rfile:
            if b"/v1/events" in line:
                self.wfile.write(_HEAD)
                server.following.release()
                server.asked.wait(60)
                self.wfile.write(b"x" * 100)
            elif line.startswith(b"GET /one "):
                self.wfile.write(_HEAD + b"y" * 10)
                self.wfile.write(b"z" * 10)
                server.count()
            elif line.startswith(b"GET "):
                self.wfile.write(b"HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n")


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 200

    def __init__(self, path: str) -> None:
        super().__init__(path, _Answers)
        self.following = threading.Semaphore(0)
        self.asked = threading.Event()
        self._answers = 0
        self._lock = threading.Lock()

    def handle_error(self, *_who: object) -> None:
        """Whoever asked has hung up in the middle."""

    def count(self) -> None:
        with self._lock:
            self._answers += 1
            if self._answers == 20:
                self.asked.set()


@pytest.fixture
def server() -> Iterator[_Server]:
    base = Path(tempfile.mkdtemp(prefix="st-"))  # short: the path of a socket is limited
    with _Server(str(base / "control")) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()
    shutil.rmtree(base)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = load.make(tmp_path_factory.mktemp("load"))
    if made is None:
        pytest.skip("there is no compiler")
    return made


def test_what_is_due_is_asked_and_what_is_sent_is_read(server: _Server, program: Path) -> None:
    path = Path(str(server.server_address))
    with load.Load(program, path, "/one", 500, 3) as beside:
        for _ in range(3):
            assert server.following.acquire(timeout=60)
        assert server.asked.wait(60)
        told = beside.end()
    assert 0 < told.answered <= told.due
    assert told.due <= 500 * told.seconds + 1
    assert told.p50 <= told.p99 <= told.longest + 0.02
    assert told.bytes in (0, 100, 200, 300)


def test_what_is_refused_is_no_answer(server: _Server, program: Path) -> None:
    path = Path(str(server.server_address))
    with load.Load(program, path, "/two", 500, 0) as beside:
        beside._process.wait(60)
        with pytest.raises(OSError, match="an answer's head"):
            beside.end()
