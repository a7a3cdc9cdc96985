"""The kernel that is booted: Debian's for virtual machines, its package taken apart, not installed.

Which version that is, the meta package says: the mirror removes old ones.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from .keeping import kept

__all__ = ["Kernel", "fetch_kernel"]

META = "linux-image-cloud-amd64"


@dataclasses.dataclass(frozen=True)
class Kernel:
    """`image`: what QEMU loads. `modules`: the directory /lib/modules/RELEASE of the package."""

    release: str
    image: Path
    modules: Path


def fetch_kernel(cache: Path) -> Kernel:
    """The kernel below CACHE (or what is `kept`), fetched if it is not there. Skips the test where
    it cannot be had.
    """
    if os.uname().machine != "x86_64":
        pytest.skip("the kernel that these tests boot is for x86_64")
    for program in ("apt-get", "apt-cache", "dpkg"):
        if shutil.which(program) is None:
            pytest.skip(f"there is no {program} here, hence no kernel package")
    name = _package()
    cache = kept(cache)
    if not (cache / name).is_dir():
        _unpack(name, cache)
    image = next((cache / name / "boot").glob("vmlinuz-*"))
    release = image.name.removeprefix("vmlinuz-")
    modules = next(path for path in (cache / name).glob("**/modules") if (path / release).is_dir())
    return Kernel(release, image, modules / release)


def _package() -> str:
    """The package that the meta package stands for now."""
    for attempt in range(2):
        said = _run("apt-cache", "depends", META).stdout.split()
        for before, word in itertools.pairwise(said):
            if before.endswith("Depends:") and word.startswith("linux-image"):
                return word
        if attempt == 0:  # a machine that was just made has no lists of packages
            _run("apt-get", "-o", "DPkg::Lock::Timeout=600", "-q", "update")
    pytest.skip(f"no package {META} is known here")


def _unpack(name: str, cache: Path) -> None:
    with tempfile.TemporaryDirectory(dir=cache) as aside:
        os.chmod(aside, 0o755)  # apt fetches as a user of its own
        if _run("apt-get", "-q", "download", name, cwd=aside).returncode != 0:
            _run("apt-get", "-o", "DPkg::Lock::Timeout=600", "-q", "update")
            done = _run("apt-get", "-q", "download", name, cwd=aside)
            if done.returncode != 0:
                pytest.skip(f"{name} cannot be fetched: {done.stderr.strip()[-200:]}")
        package = next(Path(aside).glob("*.deb"))
        fresh = Path(aside) / "tree"
        _run("dpkg", "-x", str(package), str(fresh)).check_returncode()
        try:
            fresh.rename(cache / name)
        except OSError:  # another test fetched it meanwhile
            if not (cache / name).is_dir():
                raise


def _run(*words: str, cwd: str = "/") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        cwd=cwd,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=600,
        check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
