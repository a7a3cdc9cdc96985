"""The slim machine: our Python and stoker, a shell and the agent, as an initramfs."""

from __future__ import annotations

from pathlib import Path

from .archive import Archive
from .kernel import Kernel
from .python import PACKAGES, PROGRAM, add_binary, add_python

__all__ = ["slim"]

_HEAD = f"#!{PROGRAM} -IS\nimport sys\nsys.path.append({PACKAGES!r})\n"
INIT = f"{_HEAD}from stoker.system import main\nmain()\n"
COMMAND = f"{_HEAD}from stoker.cli import main\nsys.exit(main())\n"
AGENT = f"""\
description = "runs commands for the tests"
exec_start = ["{PROGRAM}", "-IS", "/usr/lib/agent.py", "/dev/ttyS1"]
"""
MODULES = f"""\
id = "modules"
description = "loads the modules that a machine without udev needs"
enabled = false
model = "transient"
ready = {{ exit = true }}
exec_start = ["{PROGRAM}", "-IS", "/usr/lib/modules.py"]
wanted_by = ["target/sysinit"]
before = ["target/sysinit"]
"""
LOADER = """\
import ctypes, os
for name in sorted(os.listdir("/usr/lib/modules")):
    fd = os.open("/usr/lib/modules/" + name, os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).syscall(313, fd, b"", 0):  # finit_module(2)
        print(name, os.strerror(ctypes.get_errno()))
"""
_MODULES = ("evdev", "button")  # a shell loads none; neither depends on another


def slim(kernel: Kernel, path: Path, services: dict[str, str] | None = None) -> Path:
    """Write the machine with these further services (name to text) to PATH, which is returned."""
    archive = Archive()
    add_python(archive)
    add_binary(archive, "/bin/sh", "/usr/bin/sh")
    for name, major, minor in (("console", 5, 1), ("null", 1, 3), ("urandom", 1, 9)):
        archive.device(f"/dev/{name}", major, minor)
    for name in ("proc", "sys", "run", "tmp", "root", "etc/stoker/services", "var/lib", "var/log"):
        archive.directory(f"/{name}")
    archive.file("/init", INIT, 0o755)
    archive.file("/usr/bin/stoker", COMMAND, 0o755)
    archive.file("/etc/passwd", "root::0:0:root:/root:/bin/sh\n")
    archive.file("/etc/group", "root:x:0:\n")
    archive.copy(str(Path(__file__).with_name("agent.py")), "/usr/lib/agent.py")
    archive.file("/usr/lib/modules.py", LOADER)
    for name in _MODULES:
        found = next(kernel.modules.glob(f"**/{name}.ko"))
        archive.copy(str(found), f"/usr/lib/modules/{name}.ko")
    for name, text in {"agent": AGENT, "modules": MODULES, **(services or {})}.items():
        archive.file(f"/etc/stoker/services/{name}.toml", text)
    archive.write(path)
    return path
