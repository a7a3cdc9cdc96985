"""The measurement of boots, as far as it needs no machine."""

from __future__ import annotations

import importlib.util
import os
import socket
import sys
import threading
import time
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[3]
if not (_ROOT / "bench/boot/__init__.py").exists():
    pytest.skip("the measurements are not here", allow_module_level=True)
if importlib.util.find_spec("bench") is None:
    sys.path.append(str(_ROOT))

from bench.boot import booting  # noqa: E402
from bench.boot.__main__ import main  # noqa: E402


def test_a_daemon_is_asked_until_it_answers_as_it_should() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for said in (b"", b"busy\n", b"SSH-2.0-x\n"):
                peer = server.accept()[0]
                with peer:
                    peer.sendall(said)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        answered: dict[str, float] = {}
        begun = time.monotonic()
        booting._ask("ssh", server.getsockname()[1], begun, answered)
        thread.join()
    assert 0 < answered["ssh"] <= time.monotonic() - begun


def test_what_a_process_used() -> None:
    before = booting._used(os.getpid())
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
    assert booting._used(os.getpid()) >= before + 0.05


def test_help_says_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "--rounds" in capsys.readouterr().out
