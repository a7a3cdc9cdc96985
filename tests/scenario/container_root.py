"""Inside new namespaces, as their first process: make a container's root file system out of what
this machine has, give up everything that the test says, and become the command.

    container_root.py JSON: {"argv": [...], "uid": N, "root": DIR, "bind": [paths],
                             "copy": {to: from}, "ignored": [patterns], "files": {to: from},
                             "tmpfs": {path: options}, "read_only": bool, "alone": bool,
                             "env": {...}, "cwd": DIR}

"alone": without any network but its own loopback.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
from typing import Any

_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")


def mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True, stdin=subprocess.DEVNULL)


def bind(source: str, root: str) -> None:
    """`source` at the same path below the root, read-only."""
    to = root + source
    os.makedirs(to, exist_ok=True)
    mount("--bind", source, to)
    mount("-o", "remount,bind,ro", to)


def loopback() -> None:
    """Let 127.0.0.1 be there (netdevice(7): SIOCSIFFLAGS, IFF_UP)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, 0x8914, struct.pack("16sh14x", b"lo", 1))


def build(asked: dict[str, Any]) -> None:
    root: str = asked["root"]
    mount("--make-rprivate", "/")
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", root)
    for name in _LINKS:
        if os.path.islink(f"/{name}"):
            os.symlink(os.readlink(f"/{name}"), f"{root}/{name}")
        elif os.path.isdir(f"/{name}"):
            bind(f"/{name}", root)
    for path in ("/usr", "/etc", *asked["bind"]):
        bind(path, root)
    for to, source in asked["files"].items():
        mount("--bind", source, root + to)
    for path, options in asked["tmpfs"].items():
        os.makedirs(root + path, exist_ok=True)
        mount("-t", "tmpfs", "-o", options, "tmpfs", root + path)
    for to, source in asked["copy"].items():
        shutil.copytree(source, root + to, ignore=shutil.ignore_patterns(*asked["ignored"]))
    for name in ("dev", "proc", "run", "srv", "tmp"):
        os.makedirs(f"{root}/{name}", exist_ok=True)
    mount("--rbind", "/dev", f"{root}/dev")
    mount("-t", "proc", "proc", f"{root}/proc")
    if asked["read_only"]:
        mount("-o", "remount,ro", root)


def main() -> None:
    asked = json.loads(sys.argv[1])
    if asked["alone"]:
        loopback()
    build(asked)
    os.chroot(asked["root"])
    os.chdir(asked["cwd"])
    argv = asked["argv"]
    if asked["uid"]:
        uid = str(asked["uid"])
        argv = [
            *("setpriv", "--reuid", uid, "--regid", uid, "--clear-groups", "--no-new-privs"),
            *("--bounding-set=-all", "--inh-caps=-all", *argv),
        ]
    os.execvpe(argv[0], argv, asked["env"])


if __name__ == "__main__":
    main()
