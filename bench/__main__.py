"""``python -m bench``: see ``--help``, and README.md beside this file."""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from . import measures
from .chart import chart
from .measures import Scene
from .peers import ALL, Absent, Peer, Tools
from .report import table
from .results import Results

_GROUPS = (
    *("start", "nothing", "graphs", "idle", "ours", "storm", "engine", "logs", "smf"),
    "bundles",
)


class Present(NamedTuple):
    """A peer as it was found: `absent` says why it is not measured, "" if it is."""

    peer: Peer
    version: str
    absent: str


def main(argv: Sequence[str] | None = None) -> int:
    """Measure; 1 if one of our own scenes came to nothing."""
    options = _options(argv)
    os.environ.pop("STOKER_RUNTIME_DIR", None)
    # So that whatever is up is taken down when somebody ends us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    tools = Tools(options.tools, options.dinit)
    if options.install:
        for sentence in tools.install():
            _say(f"could not be had: {sentence}")
    begun = time.monotonic()
    found = [_look(kind(tools)) for kind in ALL if _asked(kind.name, options.peers)]
    for one in found:
        _say(f"{one.peer.name}: {(one.absent and 'absent: ' + one.absent) or one.version}")
    peers = [one.peer for one in found if not one.absent]
    results = Results()
    for peer in list(peers):
        if not _works(peer, results):
            peers.remove(peer)
    _play(_scenes(options), peers, options.rounds, results)
    if "idle" in options.measures:
        _say("idle")
        measures.idle(peers, options.idle_count, options.idle, results)
    _write(options.out, results, found, [peer.name for peer in peers], time.monotonic() - begun)
    ours = [why for peer, _, why in results.failures if peer == "stoker"]
    return 1 if any(not why.startswith("Absent: ") for why in ours) else 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    parser = argparse.ArgumentParser("python -m bench", description="Measure stoker and its peers.")
    add = parser.add_argument
    add("--quick", action="store_true", help="about a minute: small sizes, one round")
    add("--rounds", type=int, help="rounds of everything, interleaved (3)")
    add("--sizes", type=_numbers, help="numbers of services (100,1000,5000,20000)")
    add("--main", type=int, help="with so many everything else is measured (1000)")
    add("--chain", type=int, help="length of the chain (200)")
    add("--kills", type=int, default=200, help="services that are killed one by one")
    add("--peers", type=_words, default=(), help="only these: " + ", ".join(p.name for p in ALL))
    add("--measures", type=_words, default=_GROUPS, help="only these: " + ", ".join(_GROUPS))
    add("--idle", type=float, help="seconds in which nothing happens (60)")
    add("--megabytes", type=int, help="of log lines (500)")
    add("--engine", type=_numbers, help="instances for the engine alone (1000,10000,100000)")
    add("--install", action="store_true", help="get missing peers into --tools, nowhere else")
    add("--tools", type=Path, default=cache / "stoker-bench", help="directory with peers")
    add("--dinit", type=Path, help="directory where dinit was built")
    add("--out", type=Path, help="directory for results.json, table.md and chart.svg")
    options = parser.parse_args(argv)
    wrong = set(options.measures) - set(_GROUPS)
    if wrong:
        parser.error(f"no such measures: {', '.join(sorted(wrong))}")
    quick = options.quick
    preset = {
        "rounds": (1, 3),
        "sizes": ((100, 300), (100, 1000, 5000, 20000)),
        "main": (300, 1000),
        "chain": (50, 200),
        "idle": (5.0, 60.0),
        "megabytes": (20, 500),
        "engine": ((1000, 10000), (1000, 10000, 100_000)),
    }
    for name, (small, whole) in preset.items():
        if getattr(options, name) is None:
            setattr(options, name, small if quick else whole)
    options.idle_count = min(options.main, 1000)
    options.sizes = tuple(_possible(size) for size in options.sizes)
    return options


def _possible(size: int) -> int:
    """So many services, or as many as may be: our keeper holds two descriptors for the output of
    each, and no process has more than the hard limit, which only who has CAP_SYS_RESOURCE raises.
    """
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return size if most == resource.RLIM_INFINITY else min(size, max(100, (most - 500) // 2))


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _asked(name: str, wanted: Sequence[str]) -> bool:
    return not wanted or name in wanted or name in ("stoker", "floor")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _look(peer: Peer) -> Present:
    try:
        return Present(peer, peer.version(), "")
    except Absent as why:
        return Present(peer, "", str(why))


def _works(peer: Peer, results: Results) -> bool:
    """Whether it brings up three services at all; whoever does not is not measured."""
    try:
        with measures.running(peer, 3, timeout=60 if peer.name == "stoker" else 10) as up:
            up.stop()
    except Exception as error:
        results.failed(peer.name, "three services", _why(error))
        _say(f"{peer.name}: does not come up: {_why(error)}")
        return False
    return True


def _why(error: BaseException) -> str:
    said = getattr(error, "stderr", None) or b""
    return f"{type(error).__name__}: {error} {said.decode(errors='replace')[-300:]}".strip()


def _scenes(options: argparse.Namespace) -> list[Scene]:
    main, wanted = options.main, options.measures
    found: list[Scene] = []
    if "start" in wanted:
        for size in sorted({*options.sizes, main}):
            once = 1 if size >= 5000 else None
            found.append(measures.Many(size, size == main, once, options.kills))
    if "nothing" in wanted:
        found += [measures.Nothing(), measures.Memory(0), measures.Memory(main)]
    if "graphs" in wanted:
        found += [measures.Chain(options.chain), measures.Graph(main)]
    if "storm" in wanted:
        found.append(measures.Storm(main))
    if "ours" in wanted:
        found += [measures.Crash(main), measures.Doors(main, options.kills)]
    if "engine" in wanted:
        found += [measures.EngineAlone(size) for size in options.engine]
    if "logs" in wanted:
        found += [measures.Logs(options.megabytes, kind) for kind in ("blocks", "lines")]
    if "smf" in wanted:
        found.append(measures.Manifests(main))
    if "bundles" in wanted:
        found += [measures.Bundles(main), measures.Scanned(main)]
    return found


def _play(scenes: Iterable[Scene], peers: list[Peer], rounds: int, results: Results) -> None:
    """Everything, interleaved: within a round all peers take turns at each scene. Who fails at a
    scene is not asked for it again.
    """
    scenes, given_up = list(scenes), set()
    for scene in scenes:
        for peer in peers:
            if why := scene.beyond(peer):
                results.failed(peer.name, scene.name, why)
                _say(f"{scene.name}: {peer.name}: {why}")
    for number in range(rounds):
        for scene in scenes:
            if scene.rounds is not None and number >= scene.rounds:
                continue
            for peer in peers:
                if not scene.suits(peer) or (peer.name, scene.name) in given_up:
                    continue
                _say(f"{number + 1}/{rounds} {scene.name}: {peer.name}")
                try:
                    results.add(peer.name, scene.measure(peer))
                except Exception as error:
                    given_up.add((peer.name, scene.name))
                    results.failed(peer.name, scene.name, _why(error))
                    _say(f"    {_why(error)}")


def _write(
    out: Path | None, results: Results, found: list[Present], peers: list[str], took: float
) -> None:
    about = {
        "when": time.strftime("%Y-%m-%d"),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[1],
        "kernel": platform.release(),
        "python": platform.python_version(),
        "minutes": round(took / 60, 1),
    }
    versions = [(one.peer.name, one.version, one.absent) for one in found]
    text = "\n".join(
        [
            ", ".join(f"{name} {value}" for name, value in about.items()),
            "; ".join(f"{n} {v}" if v else f"{n} absent ({why})" for n, v, why in versions),
            "",
            table(results, peers),
            "",
            *(f"no figure: {peer}, {scene}: {why}" for peer, scene, why in results.failures),
        ]
    )
    print(text)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        data = results.as_data(about, versions)
        (out / "results.json").write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")
        (out / "table.md").write_text(text + "\n")
        note = f"medians, {about['cores']} cores, kernel {about['kernel']}, {about['when']}"
        wanted = [what for what, found in results.values.items() if len(found) > 2]
        (out / "chart.svg").write_text(chart(results, wanted, peers, note))


if __name__ == "__main__":
    sys.exit(main())
