"""Where peers are found: on the machine, or in a directory of the bench's own.

`Tools.install` fills that directory and changes nothing else: Debian packages are unpacked there
rather than installed (so none of them starts a daemon), PyPI's go into a virtual environment, npm's
into a folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["Tools"]

_DEBIAN = ("runit", "s6", "daemontools", "finit", "openrc", "systemd")
_PYPI = ("supervisor", "circus")
_NPM = ("pm2",)
_BINARIES = ("lib/finit", "usr/bin", "bin", "usr/sbin", "sbin", "lib/systemd")
_LIBRARIES = ("lib", "usr/lib", "lib/*-linux-gnu", "usr/lib/*-linux-gnu")


class Tools:
    """`directory`: of the bench's own; `dinit`: a directory of dinit's sources or programs."""

    def __init__(self, directory: Path, dinit: Path | None = None) -> None:
        self.directory = directory
        self.dinit = dinit
        self.debian = directory / "root"
        own = [directory / "pyenv/bin", directory / "npm/node_modules/.bin"]
        if dinit is not None:
            own += [dinit / "src", dinit]
        own += [self.debian / one for one in _BINARIES]
        machine = [Path("/lib/systemd"), Path("/usr/sbin"), Path("/sbin")]
        self.path = [str(one) for one in own]
        self.after = [str(one) for one in machine]

    def environment(self) -> dict[str, str]:
        """What peers and their commands run with."""
        given = os.environ.get("PATH", os.defpath).split(os.pathsep)
        keep = {name: os.environ[name] for name in ("HOME", "TMPDIR", "LANG") if name in os.environ}
        return {**keep, "PATH": os.pathsep.join([*self.path, *given, *self.after]), "LC_ALL": "C"}

    def libraries(self) -> str:
        """LD_LIBRARY_PATH for what was unpacked."""
        found = [path for one in _LIBRARIES for path in self.debian.glob(one)]
        return os.pathsep.join(map(str, found))

    def find(self, name: str) -> str | None:
        """The path of a program."""
        return shutil.which(name, path=self.environment()["PATH"])

    def debian_version(self, package: str) -> str:
        """The version of a package, unpacked by us or installed; "" if neither."""
        for one in self.directory.glob(f"debs/{package}_*.deb"):
            return one.name.split("_")[1].replace("%3a", ":")
        if shutil.which("dpkg-query") is None:
            return ""
        words = ["dpkg-query", "-W", "-f", "${Version}", package]
        return subprocess.run(words, capture_output=True, text=True).stdout.strip()

    def install(self) -> list[str]:
        """Get what is missing; says in sentences what could not be had."""
        self.directory.mkdir(parents=True, exist_ok=True)
        found = []
        for what, act in (("Debian", self._debian), ("PyPI", self._pypi), ("npm", self._npm)):
            try:
                act()
            except (OSError, subprocess.CalledProcessError) as error:
                told = getattr(error, "stderr", None) or str(error)
                found.append(f"{what}: {str(told).strip()[-300:]}")
        return found

    def _debian(self) -> None:
        if not shutil.which("apt-get"):
            raise FileNotFoundError("no apt-get")
        wanted = [one for one in _DEBIAN if not self.debian_version(one)]
        if not wanted:
            return
        plan = _run("apt-get", "install", "-s", "--no-install-recommends", *wanted)
        names = [row.split()[1] for row in plan.splitlines() if row.startswith("Inst ")]
        packages = self.directory / "debs"
        packages.mkdir(exist_ok=True)
        _run("apt-get", "download", "-q", *names, cwd=packages)
        for one in sorted(packages.glob("*.deb")):
            _run("dpkg-deb", "-x", str(one), str(self.debian))

    def _pypi(self) -> None:
        python = self.directory / "pyenv/bin/python"
        if not python.exists():
            _run(sys.executable, "-m", "venv", str(self.directory / "pyenv"))
        wanted = [one for one in _PYPI if not (python.parent / f"{one}d").exists()]
        if wanted:
            _run(str(python), "-m", "pip", "install", "-q", *wanted)

    def _npm(self) -> None:
        if not shutil.which("npm"):
            raise FileNotFoundError("no npm")
        folder = self.directory / "npm"
        folder.mkdir(exist_ok=True)
        if not (folder / "node_modules/.bin/pm2").exists():
            _run("npm", "install", "--silent", "--no-fund", "--no-audit", *_NPM, cwd=folder)


def _run(*words: str, cwd: Path | None = None) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=cwd)
    return done.stdout
