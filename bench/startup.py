"""Start, stop, status and memory, each beside a floor measured in the same run.

usage: python bench/startup.py [--scripts N] [--chain N] [--rounds N]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stoker.testing import Scenario

SCRIPT = "#!/bin/sh\nexec sleep infinity\n"


def scripts(directory: Path, count: int) -> list[Path]:
    """`count` executables that sleep for ever."""
    paths = [directory / f"s{number:04}" for number in range(count)]
    for path in paths:
        path.write_text(SCRIPT)
        path.chmod(0o755)
    return paths


def chain(directory: Path, count: int) -> None:
    """`count` definitions, each of which waits for the one before."""
    for number in range(count):
        text = 'exec_start = ["sleep", "infinity"]\n'
        if number:
            text += f'[[dependency]]\ntargets = ["c{number - 1:04}"]\n'
        (directory / f"c{number:04}.toml").write_text(text)


def timed(act: Callable[[], object]) -> float:
    """Seconds that `act` takes."""
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin


def floor(paths: list[Path]) -> tuple[float, float]:
    """Seconds to start all by a bare loop, and to kill and reap them."""
    children: list[subprocess.Popen[bytes]] = []
    start = timed(
        lambda: children.extend(
            subprocess.Popen([path], stdin=subprocess.DEVNULL, start_new_session=True)
            for path in paths
        )
    )

    def stop() -> None:
        for child in children:
            child.kill()
        for child in children:
            child.wait()

    return start, timed(stop)


@contextmanager
def project() -> Iterator[Scenario]:
    """A place for one measurement."""
    with Scenario() as place:
        yield place


def up_and_down(fill: Callable[[Path], object]) -> tuple[float, float]:
    """Seconds of `up -d` and of `down` over a directory that `fill` makes."""
    with project() as place:
        fill(place.directory)
        return timed(lambda: place.up(timeout=300)), timed(lambda: place.down(timeout=300))


def pss(pid: int) -> float:
    """Proportional set size of a process, MB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1000
    return 0.0


def memory(count: int) -> dict[str, float]:
    """PSS of each of our processes with `count` services up, MB."""
    with project() as place:
        scripts(place.directory, count)
        place.up(timeout=300)
        found = {"keeper": pss(place.keeper()), "manager": pss(place.manager())}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "cmdline").read_bytes()
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == place.keeper() and b"stoker.recorder" in words:
                found["recorder"] = pss(int(entry.name))
            if parent == place.manager() and b"spawner" in words:
                found["spawner"] = pss(int(entry.name))
        return found


def status(rounds: int) -> tuple[float, float]:
    """Milliseconds of `stoker status NAME` as a process, and of a bare interpreter; medians."""
    with project() as place:
        place.script("web", "exec sleep infinity")
        place.up()
        words, bare = place.command("status", "web"), [sys.executable, "-I", "-S", "-c", "pass"]
        quiet = {"stdout": subprocess.DEVNULL, "env": place.environment}
        ours, floors = [], []
        for _ in range(rounds):
            ours.append(timed(lambda: subprocess.run(words, check=True, **quiet)))  # type: ignore[call-overload]
            floors.append(timed(lambda: subprocess.run(bare, check=True, **quiet)))  # type: ignore[call-overload]
        return statistics.median(ours) * 1000, statistics.median(floors) * 1000


def main() -> None:
    """Measure everything and print one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scripts", type=int, default=1000)
    parser.add_argument("--chain", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores, medians of {options.rounds}")
    rows: list[tuple[float, ...]] = []
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as scratch:
            bare = floor(scripts(Path(scratch), options.scripts))
        many = up_and_down(lambda directory: scripts(directory, options.scripts))
        row = up_and_down(lambda directory: chain(directory, options.chain))
        rows.append((*bare, *many, *row))
    start, stop, up, down, chain_up, chain_down = map(statistics.median, zip(*rows, strict=True))
    print(f"floor: {options.scripts} Popen {start:.3f} s, kill and reap {stop:.3f} s")
    print(f"up -d of {options.scripts} scripts {up:.3f} s = {up / start:.2f} x the floor")
    print(f"down {down:.3f} s = {down / stop:.2f} x the floor")
    print(
        f"chain of {options.chain}: up {chain_up:.3f} s = {chain_up / start:.2f} x the floor, "
        f"{chain_up / options.chain * 1000:.2f} ms a link; down {chain_down:.3f} s"
    )
    ours, interpreter = status(30)
    print(f"status NAME {ours:.1f} ms, bare interpreter {interpreter:.1f} ms")
    for count in (0, options.scripts):
        found = memory(count)
        parts = ", ".join(f"{name} {size:.1f}" for name, size in found.items())
        print(f"PSS at {count}: {parts} = {sum(found.values()):.1f} MB")


if __name__ == "__main__":
    main()
