"""What every test may rely on: ordinary signals, a home of its own, repeatable random tests.

Nothing here starts a process or needs the package to be importable, so that a broken room breaks
its own tests only.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

# Read when hypothesis is imported: it would otherwise write .hypothesis into the working directory.
_HYPOTHESIS_HOME = os.environ.setdefault(
    "HYPOTHESIS_STORAGE_DIRECTORY", os.path.join(tempfile.gettempdir(), f"hypothesis-{os.getpid()}")
)

from hypothesis import HealthCheck, settings  # noqa: E402

settings.register_profile(
    "stoker",
    max_examples=200,
    # Both would measure how busy the machine is.
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
    derandomize=os.environ.get("CI", "").lower() in ("1", "true", "yes"),
)
settings.load_profile("stoker")

PR_SET_CHILD_SUBREAPER = 36  # prctl(2)

# What a developer's shell may say and a test must not hear.
_FORGOTTEN = (
    "NO_COLOR",
    "FORCE_COLOR",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLUMNS",
    "LINES",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONUNBUFFERED",
)

_libc = ctypes.CDLL(None, use_errno=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave no file behind; the directory is made by hypothesis, and only when it needs one."""
    if _HYPOTHESIS_HOME.endswith(f"hypothesis-{os.getpid()}"):
        shutil.rmtree(_HYPOTHESIS_HOME, ignore_errors=True)


@pytest.fixture(autouse=True)
def ordinary_process() -> Iterator[None]:
    """Each test begins with the signals and the reaping of a program started from a terminal.

    Runners in the background start with SIGINT ignored, which every child would inherit; and a
    test before this one, in the same worker, may have blocked signals or made us a subreaper.
    """
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    signal.set_wakeup_fd(-1)
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def own_home(_homes: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """HOME and the XDG directories lie in a directory of this test's own; returns that HOME."""
    home = Path(tempfile.mkdtemp(dir=_homes))
    monkeypatch.setenv("HOME", str(home))
    for name, below in (
        ("XDG_CONFIG_HOME", ".config"),
        ("XDG_STATE_HOME", ".local/state"),
        ("XDG_DATA_HOME", ".local/share"),
        ("XDG_CACHE_HOME", ".cache"),
    ):
        monkeypatch.setenv(name, str(home / below))
    runtime = home / "run"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    for name in list(os.environ):
        if name in _FORGOTTEN or (name.startswith("STOKER_") and name != "STOKER_SYSTEM"):
            monkeypatch.delenv(name)
    yield home
    shutil.rmtree(home, ignore_errors=True)
