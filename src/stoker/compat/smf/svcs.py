"""svcs: what instances there are and how they are (svcs(1)), of whatever format they are.

This module is the listing, which must be quick for a thousand instances: it reads its own words,
asks one question and imports next to nothing. What is asked more rarely has modules of its own:
`svcs_world` (who depends on whom), `svcs_long` (-l), `svcs_why` (-x).
"""

from __future__ import annotations

import sys
import time

from .svcs_columns import COLUMNS, Columns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .svcs_world import World

    Row = dict[str, Any]

__all__ = ["Options", "main"]

USAGE = """usage: svcs [-aHpv] [-o COLUMN,…] [-R FMRI] [-sS COLUMN]… [-Zz] [FMRI…]
       svcs [-Hpv] [-d | -D] [-o COLUMN,…] FMRI…
       svcs [-pv] -l FMRI…
       svcs [-v] -x [FMRI…]
       svcs -L FMRI…
       svcs -n [FMRI…]
       svcs -? [MESSAGE]

  -a   all, also those that are not wanted      -d   what they depend on
  -p   with their processes                     -D   what depends on them
  -v   more columns, or more to read            -l   everything about them
  -H   without the headings                     -x   what is wrong, and why
  -R   those of this restarter                  -L   where their logs are
  -s   sorted by a column, -S the other way round
"""
PLAIN = "aHpvdDlLnxZ?h"
VALUED = "osSRz"
MODES = "dDlLnx"


class Options:
    """What was asked for: letters, columns to show, columns to sort by ("-" before the name for
    the other way round), operands.
    """

    def __init__(self, words: list[str]) -> None:
        self.flags: set[str] = set()
        self.columns: list[str] = []
        self.sorts: list[tuple[str, bool]] = []
        self.restarter = ""
        self.zone = ""
        self.names: list[str] = []
        while words:
            word = words.pop(0)
            if word == "--":
                self.names += words
                break
            if len(word) < 2 or word[0] != "-":
                self.names.append(word)
                continue
            self._letters(word[1:], words)
        if "?" not in self.flags:
            self._judge()

    def _letters(self, letters: str, words: list[str]) -> None:
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter in PLAIN:
                self.flags.add("?" if letter == "h" else letter)
            elif letter in VALUED:
                if not letters and not words:
                    _wrong(f"-{letter} needs a value")
                self._valued(letter, letters or words.pop(0))
                return
            else:
                _wrong(f"there is no option -{letter}")

    def _valued(self, letter: str, value: str) -> None:
        self.flags.add(letter)
        if letter == "o":
            self.columns += value.lower().split(",")
        elif letter in "sS":
            self.sorts.append((value.lower(), letter == "S"))
        elif letter == "R":
            self.restarter = value
        else:
            self.zone = value

    def _judge(self) -> None:
        """Refuse what makes no sense together (svcs(1)). Raises UsageError."""
        modes = [letter for letter in MODES if letter in self.flags]
        if len(modes) > 1:
            _wrong(f"-{modes[0]} and -{modes[1]} exclude each other")
        mode = modes[0] if modes else ""
        for other in "aRsS" if mode else "":
            if other in self.flags:
                _wrong(f"-{other} and -{mode} exclude each other")
        for other in "Ho" if mode in ("l", "x") else "":
            if other in self.flags:
                _wrong(f"-{other} and -{mode} exclude each other")
        if mode == "x" and "p" in self.flags:
            _wrong("-p and -x exclude each other")
        if mode and mode in "dDlL" and not self.names:
            _wrong(f"-{mode} needs an operand")


def main(arguments: list[str]) -> int:
    """The command; its exit status: 0 done, 1 something is not there or went wrong, 2 usage."""
    from stoker.errors import StokerError, UsageError

    try:
        options = Options(list(arguments))
    except UsageError as error:
        print(f"svcs: {error.message}\n{USAGE}", end="", file=sys.stderr)
        return 2
    if "?" in options.flags:
        return _help(options.names)
    for name in [*options.columns, *(name for name, _down in options.sorts)]:
        if name not in COLUMNS:
            complain(f"Unknown column name '{name}'")
            print("Columns are: " + " ".join(COLUMNS), file=sys.stderr)
            return 1
    try:
        return _Listing(options).run()
    except StokerError as error:
        complain(f"{error} ({error.hint})" if error.hint else str(error))
        return 1


def complain(text: str) -> None:
    """Say what is wrong."""
    print(f"svcs: {text}", file=sys.stderr)


def _wrong(text: str) -> None:
    from stoker.errors import UsageError

    raise UsageError(text)


def _help(names: list[str]) -> int:
    """The usage, or the page of a message."""
    if not names:
        print(USAGE, end="")
        return 0
    from .svcs_messages import page

    status = 0
    for name in names:
        text = page(name)
        if text:
            print(text)
        else:
            complain(f"There is no message '{name}'")
            status = 1
    return status


class _Listing:
    def __init__(self, options: Options) -> None:
        from .svcs_world import World

        self.options = options
        self.world: World = World()
        self.status = 0

    def run(self) -> int:
        options = self.options
        if options.zone and options.zone != "global":
            complain(f"There is no zone '{options.zone}'")
            return 1
        if "n" in options.flags:
            complain("Nobody is notified of anything: there are no notification parameters")
            return 1
        chosen = self._operands()
        if "l" in options.flags:
            from .svcs_long import Long

            Long(self.world, options.flags).show(chosen)
        elif "L" in options.flags:
            for fmri in chosen:
                print(self.world.log(fmri))
        elif "x" in options.flags:
            from .svcs_why import Why

            Why(self.world, "v" in options.flags).show(chosen if options.names else None)
        else:
            self._table(chosen)
        return self.status

    # -- which

    def _operands(self) -> list[str]:
        """The instances that the operands mean, each once; all that are shown where none is."""
        options, world = self.options, self.world
        if not options.names:
            rows = world.rows.values()
            if options.flags & {"a", "R"}:
                return list(world.rows)
            return [row["fmri"] for row in rows if row["enabled"] or row["wanted"]]
        if "a" in options.flags:
            complain("-a ignored when used with operands.")
        from stoker.errors import NoSuchService

        from .matching import instances

        known = list(world.rows)
        found: dict[str, None] = {}
        for name in options.names:
            if name.startswith("lrc:") and "l" in options.flags:
                complain(f"Operation not supported for legacy service '{name}'")
                self.status = 1
                continue
            try:
                found.update(dict.fromkeys(instances(name, known)))
            except NoSuchService as error:
                complain(error.message)
                self.status = 1
        return list(found)

    def _kin(self, chosen: list[str]) -> list[str]:
        """The chosen themselves, or with -d or -D what they need or what needs them."""
        world = self.world
        if "d" in self.options.flags:
            return list(dict.fromkeys(o for fmri in chosen for o in world.needs(fmri)))
        if "D" in self.options.flags:
            return list(dict.fromkeys(o for fmri in chosen for o in world.needed_by(fmri)))
        if self.options.restarter:
            from stoker.model import is_instance

            from .matching import exact

            wanted = exact(self.options.restarter)
            if not is_instance(wanted):
                from stoker.errors import UsageError

                raise UsageError(f"'{self.options.restarter}' is not the FMRI of an instance")
            return [fmri for fmri in chosen if world.restarter(fmri) == wanted]
        return chosen

    # -- how

    def _table(self, chosen: list[str]) -> None:
        options, world = self.options, self.world
        rows = [world.rows[fmri] for fmri in self._kin(chosen)]
        names = options.columns or (
            ["state", "nstate", "stime", "ctid", "fmri"]
            if "v" in options.flags
            else ["state", "stime", "fmri"]
        )
        columns = Columns(names, time.time())
        if options.sorts:
            for name, down in reversed(options.sorts):
                rows.sort(key=columns.key(name), reverse=down)
        elif not options.columns:
            rows.sort(key=columns.usual)
        lines = [] if "H" in options.flags else [columns.head()]
        if "p" not in options.flags:
            lines += map(columns.line, rows)
        else:
            for row in rows:
                lines.append(columns.line(row))
                lines += [
                    f"{'':15}{columns.clock(one.began):8}   {one.pid:>6} {one.name[:16]}".rstrip()
                    for one in world.processes(row["fmri"])
                ]
        if lines:
            print("\n".join(lines))
