"""What runs in the guest for the tests: it reads commands from a serial line and answers.

A line is a JSON list: a number and an argv. The answer is a line: that number, the exit status and
what the command wrote. It uses the standard library alone, and is a service like any other.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import termios
import tty

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def main(path: str) -> None:
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(fd)
    termios.tcflush(fd, termios.TCIOFLUSH)
    with open(fd, "rb", buffering=0) as line:
        waiting = b""
        os.write(fd, b'{"agent": "listens"}\n')
        while True:
            while b"\n" not in waiting:
                waiting += line.read(4096)
            one, _, waiting = waiting.partition(b"\n")
            try:
                number, argv = json.loads(one)
            except ValueError:  # noise from before we were there
                continue
            status, output = run(argv)
            answer = {"number": number, "status": status, "output": output}
            data = json.dumps(answer).encode() + b"\n"
            while data:
                data = data[os.write(fd, data) :]


def run(argv: list[str]) -> tuple[int, str]:
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PATH": PATH, "HOME": "/root", "LC_ALL": "C.UTF-8"},
            cwd="/",
            timeout=170,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return 127, str(error)
    return done.returncode, done.stdout.decode("utf-8", "replace")


if __name__ == "__main__":
    main(sys.argv[1])
