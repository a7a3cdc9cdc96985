"""Random histories: graphs, commands, exits, time, inputs, changes, deaths of the manager.

    python tests/property/histories.py FIRST LAST [JOBS]

runs the histories FIRST to LAST - 1 and prints each seed that breaks an invariant, a line for every
ten thousand, and at the end a shortened history of the first. A history is a function of the
numbers it draws: the same numbers give the same history.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))

from history_run import STEPS, Below, History


def seeded(seed: int, tape: list[int] | None = None) -> Below:
    """Numbers from a seed; `tape` takes them down."""
    rnd = random.Random(seed).random
    if tape is None:
        return lambda n: int(rnd() * n)

    def below(n: int) -> int:
        value = int(rnd() * n)
        tape.append(value)
        return value

    return below


def replayed(tape: Sequence[int]) -> Below:
    """Numbers from a tape, then zeros."""
    left = iter(tape)
    return lambda n: next(left, 0) % n


def trouble(below: Below, steps: int = STEPS, trace: list[str] | None = None) -> str:
    """What is wrong with one history; "" when nothing is."""
    try:
        History(below, trace).run(steps)
    except Exception as error:  # whatever the engine raises is a fault to report
        return f"{type(error).__name__}: {error}"
    return ""


def _kind(text: str) -> str:
    return text.split(":")[0] + text.split(":", 2)[1][:6] if ":" in text else text


def shorten(tape: list[int], text: str, seconds: float = 20.0) -> tuple[list[int], str]:
    """A shorter tape with the same kind of trouble."""
    end = time.monotonic() + seconds
    kind = _kind(text)

    def attempt(candidate: list[int]) -> bool:
        nonlocal tape, text
        found = trouble(replayed(candidate))
        if found and _kind(found) == kind:
            tape, text = candidate, found
            return True
        return False

    size = max(1, len(tape) // 2)
    while size and time.monotonic() < end:
        at, better = 0, False
        while at < len(tape) and time.monotonic() < end:
            if attempt(tape[:at] + tape[at + size :]):
                better = True
            else:
                zeros = [0] * len(tape[at : at + size])
                if tape[at : at + size] != zeros and attempt(tape[:at] + zeros + tape[at + size :]):
                    better = True
                at += size
        if not better or size > 1:
            size //= 2
    return tape, text


def report(seed: int) -> str:
    """The trouble of one seed with its shortest history; "" when there is none."""
    tape: list[int] = []
    text = trouble(seeded(seed, tape))
    if not text:
        return ""
    tape, text = shorten(tape, text)
    trace: list[str] = []
    trouble(replayed(tape), trace=trace)
    if len(trace) > 150:
        trace[:] = [*trace[:100], "  …", *trace[-50:]]
    lines = "\n".join(line for line in trace if not line.strip().startswith("Wake"))
    return f"seed {seed}: {text}\ntape {tape}\n{lines}\n{text}\n"


def bad_seeds(first: int, last: int, most: int = 10) -> list[tuple[int, str]]:
    """The first seeds from `first` to `last` - 1 with trouble, each with what it is."""
    found = []
    for seed in range(first, last):
        text = trouble(seeded(seed))
        if text:
            found.append((seed, text))
            if len(found) >= most:
                break
    return found


def main(arguments: list[str]) -> int:
    """See the module."""
    first, last = int(arguments[0]), int(arguments[1])
    jobs = int(arguments[2]) if len(arguments) > 2 else 1
    began = time.monotonic()
    chunks = [(n, min(n + 1000, last)) for n in range(first, last, 1000)]
    bad: list[tuple[int, str]] = []
    for done, found in enumerate(_results(chunks, jobs), 1):
        for seed, text in found:
            print(f"seed {seed}: {text[:300]}", flush=True)
        bad += found
        if done % 10 == 0:
            count, seconds = done * 1000, time.monotonic() - began
            rate = f"{seconds:.0f} s, {count / seconds:.0f} each second"
            print(f"{count} done, {len(bad)} bad, {rate}", flush=True)
    if bad:
        print(report(bad[0][0]))
    count = last - first
    print(f"{count} histories, {len(bad)} bad, {time.monotonic() - began:.1f} s")
    return 1 if bad else 0


def _results(chunks: list[tuple[int, int]], jobs: int) -> Iterator[list[tuple[int, str]]]:
    """What is bad in each chunk, in order."""
    if jobs == 1:
        yield from (bad_seeds(*chunk) for chunk in chunks)
        return
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(bad_seeds, *zip(*chunks, strict=True))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
