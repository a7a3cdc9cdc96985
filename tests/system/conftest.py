"""Tests that change the machine: as root, asked for by path (``pytest tests/system``).

With STOKER_SYSTEM=required a test that would be skipped fails instead, so that a check which
believes to have run these tests has run them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stoker.testing import Scenario

sys.path.insert(0, str(Path(__file__).parents[1] / "scenario"))  # for what both share
sys.path.insert(0, str(Path(__file__).parent))  # for `vm`

from vm import Kernel, fetch_kernel, qemu
from vm.full import full, tree, write

POLICY = Path("/usr/sbin/policy-rc.d")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Iterator[pytest.TestReport]:
    report: pytest.TestReport = yield
    if report.skipped and os.environ.get("STOKER_SYSTEM") == "required":
        report.outcome = "failed"
        report.longrepr = f"required here, and skipped: {report.longrepr}"
    return report


@pytest.fixture(autouse=True)
def as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")


@pytest.fixture
def place() -> Iterator[Scenario]:
    with Scenario() as scenario:
        yield scenario


@pytest.fixture(scope="session")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Kernel:
    """What is booted, and there is something to boot it with."""
    qemu()
    return fetch_kernel(tmp_path_factory.mktemp("kernel"))


@pytest.fixture(scope="module")
def disks(
    request: pytest.FixtureRequest, kernel: Kernel, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Path]]:
    """The root file system, with what the module has as SERVICES (texts by name), and /var."""
    folder = tmp_path_factory.mktemp("full")
    folder.chmod(0o755)  # users of the tree look into it
    root = tree(folder)
    services = getattr(request.module, "SERVICES", {})
    write(root, {f"etc/stoker/services/{name}.toml": text for name, text in services.items()})
    paths = full(root, kernel, folder)
    yield paths
    for path in paths:
        path.unlink()


@pytest.fixture(scope="session")
def packages() -> Iterator[Callable[..., None]]:
    """Installs Debian packages whose daemons are not started, by anybody."""
    if shutil.which("apt-get") is None:
        pytest.skip("no Debian packages here")
    kept = POLICY.with_suffix(".stoker-kept")
    had_one = POLICY.exists()
    if had_one:
        POLICY.rename(kept)
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield _install
    finally:
        POLICY.unlink(missing_ok=True)
        if had_one:
            kept.rename(POLICY)


def _install(*names: str) -> None:
    """Install what is missing of these; a list of packages that is too old is renewed once."""
    missing = [name for name in names if not _is_installed(name)]
    if not missing:
        return
    if _apt("install", "--no-install-recommends", *missing).returncode != 0:
        _apt("update").check_returncode()
        _apt("install", "--no-install-recommends", *missing).check_returncode()


def _is_installed(name: str) -> bool:
    done = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Status}", name], capture_output=True, text=True, check=False
    )
    return done.stdout == "install ok installed"


def _apt(*words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["apt-get", "-o", "DPkg::Lock::Timeout=600", "-q", "-y", *words],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        timeout=900,
        check=False,
    )
