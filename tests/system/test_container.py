"""`stoker run` as PID 1 in a container: any user, no capabilities, a read-only root, one tmpfs on
which nothing may be executed (S24, S26); and the Dockerfile that we ship.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from container import (
    PATIENCE,
    REPOSITORY,
    RUN,
    Container,
    assignments,
    container,
    ignored,
    instructions,
    words_of,
)

__all__ = ["container"]

EXAMPLE = REPOSITORY / "examples/container"
ABOUT_US = """
import os
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print("uid", os.getuid(), "caps", status["CapEff"].strip())
for path in ("/x", "/tmp/x", "/run/x"):
    try:
        open(path, "w")
    except OSError as error:
        print(path, error.strerror)
"""


def services(tmp_path: Path, **texts: str) -> str:
    """A directory of definitions NAME.toml; returns it."""
    directory = tmp_path / "services"
    directory.mkdir(exist_ok=True)
    for name, text in texts.items():
        (directory / f"{name}.toml").write_text(text)
    return str(directory)


def test_with_no_rights_at_all(container: Container, tmp_path: Path) -> None:
    """S24."""
    container.copy["/services"] = services(
        tmp_path, web='exec_start = "echo hello; exec sleep inf"'
    )
    reads = f"import sys; sys.stdin.read(); {ABOUT_US}"
    with container.begin("stoker", "run", "/services", "--", "python3", "-c", reads) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "web: hello\n"
        out, err = run.communicate("", timeout=PATIENCE)
    assert run.returncode == 0, err
    assert out.splitlines() == [
        "command: uid 10001 caps 0000000000000000",
        "command: /x Read-only file system",
        "command: /tmp/x Read-only file system",
        "command: /run/x Read-only file system",
    ]
    assert err == ""


def test_an_essential_service_killed_by_a_signal(container: Container, tmp_path: Path) -> None:
    """S26; the orphans that it leaves behind are reaped."""
    orphans = "for i in 1 2 3; do (setsid true &) ; done; "
    web = f"exec_start = '{orphans} kill -KILL $$'\nessential = true\nrestart.when = 'never'"
    container.copy["/services"] = services(tmp_path, web=web)
    done = container.run("stoker", "run", "/services")
    assert done.returncode == 137, done.stderr
    assert "the essential service web is over" in done.stderr


def test_orphans_are_reaped(container: Container) -> None:
    """None of a hundred is a zombie when the command, which is not their parent, looks."""
    script = """
import os, sys, time
for _ in range(100):
    if os.fork() == 0:
        os._exit(0 if os.fork() else os.execvp("true", ["true"]))
    os.wait()
def zombies():
    states = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            states.append(open(f"/proc/{name}/stat").read().rpartition(")")[2].split()[0])
        except OSError:
            pass
    return states.count("Z")
end = time.monotonic() + 60
while zombies() and time.monotonic() < end:
    time.sleep(0.01)
print(zombies())
"""
    done = container.run("stoker", "run", "--", "python3", "-c", script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")


@pytest.mark.parametrize("uid", [0, 10001])
def test_what_the_engine_sends_takes_all_down(
    container: Container, tmp_path: Path, uid: int
) -> None:
    container.uid = uid
    wait = "trap 'echo stops; exit 0' TERM; echo up; while :; do sleep 60 & wait $!; done"
    container.copy["/services"] = services(tmp_path, web=f'exec_start = "{wait}"')
    with container.begin("stoker", "run", "/services") as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "web: up\n"
        # unshare has one child: PID 1 inside.
        children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGTERM)
        out, err = run.communicate(timeout=PATIENCE)
    assert (run.returncode, out) == (0, "web: stops\n"), err


def test_without_any_writable_directory_that_is_said(container: Container) -> None:
    container.tmpfs = {}
    done = container.run("stoker", "run", "--", "true")
    assert done.returncode == 1
    assert "there is no directory that can be written" in done.stderr
    assert "/run/stoker" in done.stderr
    assert "/tmp/stoker-10001" in done.stderr
    assert "Read-only file system" in done.stderr
    assert "STOKER_RUNTIME_DIR" in done.stderr


def test_another_directory_may_be_named(container: Container) -> None:
    container.tmpfs = {"/scratch": "mode=1777"}
    container.environment["STOKER_RUNTIME_DIR"] = "/scratch"
    done = container.run("stoker", "run", "--", "sh", "-c", "stoker ls && ls /scratch")
    assert done.returncode == 0, done.stderr
    assert "command" in done.stdout
    assert "control" in done.stdout.split()


def test_commands_find_it_without_being_told(container: Container) -> None:
    """What `docker exec` runs has nothing of PID 1's environment."""
    done = container.run("stoker", "run", "--", "sh", "-c", "cd / && stoker ls")
    assert done.returncode == 0, done.stderr
    assert "online" in done.stdout


def test_the_dockerfile(container: Container, tmp_path: Path) -> None:
    """Its steps, one by one. What RUN installs is here already; the long test does that too."""
    run_dockerfile(container, installs=False)


@pytest.mark.long
def test_the_dockerfile_with_what_it_installs(container: Container, tmp_path: Path) -> None:
    run_dockerfile(container, installs=True)


def run_dockerfile(container: Container, installs: bool) -> None:
    steps = instructions(EXAMPLE / "Dockerfile")
    entry: list[str] = []
    health: list[str] = []
    container.uid, container.read_only = 0, False
    if installs:
        container.environment |= {k: v for k, v in os.environ.items() if k.startswith("PIP_")}
        container.bind = []
        container.ignored = ignored(REPOSITORY / ".dockerignore")
        container.alone = False  # pip fetches what is needed
        container.tmpfs["/usr/src"] = "mode=755"
    build: list[str] = []
    for name, given in steps:
        if name == "ENV":
            ours = container.environment["PATH"]
            container.environment |= assignments(given)
            if not installs:
                container.environment["PATH"] = ours
        elif name == "COPY":
            source, to = given.split()
            if source != "." or installs:
                container.copy[to] = str(REPOSITORY / source)
        elif name == "RUN" and (installs or "pip install" not in given):
            build.append(" ".join(given) if isinstance(given, list) else given)
        elif name == "USER":
            container.uid = int(given)
        elif name in ("ENTRYPOINT", "CMD"):
            entry += words_of(given)
        elif name == "HEALTHCHECK":
            health = words_of(given.removeprefix("CMD ") if isinstance(given, str) else given)
    assert build
    assert entry[:2] == ["stoker", "run"]
    assert health
    build_and_run(container, build, entry)


def build_and_run(container: Container, build: list[str], entry: list[str]) -> None:
    """All in one container: what is built would be gone with it."""
    uid, container.uid = container.uid, 0
    container.environment["STOKER_RUNTIME_DIR"] = RUN
    quoted = " ".join(f"'{word}'" for word in entry)
    become = f"setpriv --reuid {uid} --regid {uid} --clear-groups --bounding-set=-all"
    look = "'stoker wait --timeout 60s web worker && stoker ls; exit 6'"
    script = " && ".join([*build, f"exec {become} {quoted} sh -c {look}"])
    done = container.run("sh", "-ec", script)
    assert done.returncode == 6, done.stderr + done.stdout
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith("command: ")]
    assert {row[2] for row in rows if row[1] == "online"} >= {"web", "worker", "command"}
    assert "worker: worker begins" in done.stdout.splitlines()
