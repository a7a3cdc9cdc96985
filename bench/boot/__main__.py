"""``python -m bench.boot``: see ``--help``, and ../README.md."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from _pytest.outcomes import Skipped

from ..report import table
from ..results import Results
from .booting import boot
from .image import INITS, Init, make


def main(argv: Sequence[str] | None = None) -> int:
    """Measure; 1 if something came to nothing, 3 where it cannot be done."""
    options = _options(argv)
    inits = tuple(one for one in INITS if one.name in options.inits)
    results = Results()
    with _folder(options.image) as folder:
        try:
            image = make(folder, inits)
        except Skipped as why:  # as the tests say it whose machines these are
            print(f"cannot be measured here: {why}", file=sys.stderr)
            return 3
        for number in range(options.rounds):
            for init in inits:
                print(f"{number + 1}/{options.rounds} {init.name}", file=sys.stderr, flush=True)
                try:
                    results.add(init.name, boot(image, init))
                except AssertionError as error:
                    results.failed(init.name, "boot", str(error))
    about = {
        "when": time.strftime("%Y-%m-%d"),
        "rounds": options.rounds,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[1], 1),
        "kernel": image.kernel.release,
        "emulator": _emulator(),
        "machine": platform.release(),
    }
    _write(options.out, about, results, inits)
    return 1 if results.failures else 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m bench.boot", description=__doc__)
    names = ",".join(one.name for one in INITS)
    add = parser.add_argument
    add("--rounds", type=int, default=3, help="boots of each, in turn (3)")
    add("--inits", type=lambda text: text.split(","), default=names, help=f"only these: {names}")
    add("--image", type=Path, help="directory in which the image is made, or is already")
    add("--out", type=Path, help="directory for boot.json and boot.md")
    return parser.parse_args(argv)


@contextlib.contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="boot-") as made:
        Path(made).chmod(0o755)  # users of the tree look into it
        yield Path(made)


def _emulator() -> str:
    said = subprocess.run(
        ["qemu-system-x86_64", "--version"], capture_output=True, text=True, check=True
    ).stdout
    return said.split("version ")[1].split()[0]


def _write(
    out: Path | None, about: dict[str, object], results: Results, inits: Sequence[Init]
) -> None:
    lines = [
        ", ".join(f"{name} {value}" for name, value in about.items()),
        "",
        table(results, [one.name for one in inits]),
        *(f"\n{name}, {what}: {why}" for name, what, why in results.failures),
    ]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if out is None:
        return
    out.mkdir(parents=True, exist_ok=True)
    (out / "boot.md").write_text(text)
    data = results.as_data(about, [(one.name, one.program, "") for one in inits])
    (out / "boot.json").write_text(json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
