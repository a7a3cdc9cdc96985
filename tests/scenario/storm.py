"""A storm: many services that run, crash, count, are commanded and reloaded, while programs of ours
are killed; and what must be true afterwards.

Each service notes its own life in files: every run adds a line, holds a lock that no second run
may have, and notes each signal that reaches it. A command counts once the manager has given it a
number.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from stoker.client import Client
from stoker.errors import NoManager, NotYet
from stoker.testing import Deadline, Scenario

PATIENCE = 90.0

SERVICE = r"""
B=$1 NAME=$2 KIND=$3
# Who looks whether it lives takes the first of these for a moment, and is waited for.
exec 8>>"$B/lives.$NAME" 9>>"$B/lock.$NAME"
flock -s 8
flock -n 9 || echo "$NAME $$" >>"$B/twice"
for S in HUP INT QUIT USR1 USR2 CONT; do trap "echo $S >>'$B/signals.$NAME'" $S; done
trap 'echo TERM >>"$B/signals.$NAME"; echo "end $N"; exit 0' TERM
N=0
exec 2>"$B/said.$NAME" # a shell tells here which child was ended by a signal
echo "$$ ${ROUND-}" >>"$B/runs.$NAME"
case $KIND in
count)
  DONE= # the shell may take the signal between a number and its line
  trap 'echo TERM >>"$B/signals.$NAME"; DONE=yes' TERM
  while :; do
    for I in 1 2 3 4 5 6 7 8 9 10; do
      N=$((N + 1))
      echo "$N of a service that counts" || echo "$N" >>"$B/refused"
    done
    [ -z "$DONE" ] || { echo "end $N"; exit 0; }
    sleep 0.02
  done ;;
crash)
  [ -e "$B/calm" ] || { sleep "0.$((($$ % 7) + 2))"; echo "$$" >>"$B/ends.$NAME"; exit 7; }
  echo "$$" >"$B/stays.$NAME" ;;
esac
while :; do
  sleep 1000 &
  wait $!
done
"""


@dataclass
class Storm:
    """Services in a place. `many` is how many there are altogether."""

    place: Scenario
    many: int
    seed: int = 1
    steady: list[str] = field(default_factory=list)
    counting: list[str] = field(default_factory=list)
    crashing: list[str] = field(default_factory=list)
    commanded: list[str] = field(default_factory=list)
    edited: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    acknowledged: int = 0
    reloads: int = 0
    exact: bool = True
    """Whether every end can be known: not when a keeper was killed. What it would have reaped is
    then reaped by somebody who tells nobody; and a process that had been started and had ended
    before its manager wrote it down has left no trace, so that its run begins again: never beside
    itself, and under the same number.
    """

    history: bool = True
    """Whether the history must have all of it: not when a recorder was killed, which may lose the
    last second.
    """

    def __post_init__(self) -> None:
        self.notes = self.place.base / "notes"
        self.notes.mkdir()
        self.program = self.place.file("service.sh", SERVICE)
        share = max(1, self.many // 8)
        kinds = (self.crashing, self.commanded, self.edited)
        self._fill(self.counting, "count", "count", min(4, share))
        for names, word, count in zip(kinds, ("crash", "bid", "edit"), (2, 2, 1), strict=True):
            self._fill(names, word, word, count * share)
        rest = self.many - sum(map(len, (self.counting, *kinds)))
        self._fill(self.steady, "steady", "steady", rest)
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []

    def _fill(self, names: list[str], word: str, kind: str, count: int) -> None:
        for number in range(count):
            name = f"{word}{number}"
            names.append(name)
            self.define(name, kind)

    def define(self, name: str, kind: str, turn: int = 0) -> None:
        """Write one definition, as a whole or not at all."""
        text = (
            f'exec_start = ["/bin/sh", "{self.program}", "{self.notes}", "{name}", "{kind}"]\n'
            f'environment = {{ ROUND = "{turn}" }}\n'
            '[restart]\ndelay = "20ms"\nfactor = 1\n'
        )
        new = self.place.base / f"{name}.new"
        new.write_text(text)
        os.replace(new, self.place.directory / f"{name}.toml")

    # -- what the services noted

    def runs(self, name: str) -> list[list[str]]:
        """One [pid, round] for each run so far."""
        try:
            return [line.split() for line in (self.notes / f"runs.{name}").read_text().splitlines()]
        except FileNotFoundError:
            return []

    def noted(self, what: str) -> str:
        """A file of notes, "" when nobody wrote one."""
        try:
            return (self.notes / what).read_text()
        except FileNotFoundError:
            return ""

    def held(self, name: str) -> bool:
        """Whether any process of that service lives."""
        if not (self.notes / f"lives.{name}").exists():
            return False
        with open(self.notes / f"lives.{name}", "a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    # -- commands

    def client(self) -> Client:
        """A connection of the caller's own."""
        return Client(str(self.place.runtime / "control"))

    def until_answered(self, ask: Callable[[], Any]) -> Any:
        """Ask, and ask again while nobody lives to answer: in a storm of deaths as long as that
        lasts, for what takes longer than a manager lives is answered by none.
        """
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return ask()
            except (NoManager, NotYet) as error:
                if not self._over.is_set():
                    end = time.monotonic() + PATIENCE
                elif time.monotonic() > end:
                    raise Deadline(f"never answered: {error}\n{self.place.manager_log()}") from None
                time.sleep(0.005)

    def command(self, client: Client, verb: str, name: str) -> dict[str, Any]:
        """Have one command acknowledged, and return its operation when it has ended."""
        body = {"verb": verb, "names": [name]}
        answer = self.until_answered(lambda: client.post("/v1/operations", body))["operation"]
        self.acknowledged += 1
        return self.ended(client, answer["number"])

    def ended(self, client: Client, number: int) -> dict[str, Any]:
        """Wait for an operation, over the deaths of managers."""
        end = time.monotonic() + PATIENCE
        path = f"/v1/operations/{number}?wait=5"
        while True:
            operation: dict[str, Any] = self.until_answered(lambda: client.get(path))["operation"]
            if operation["outcome"]:
                return operation
            if time.monotonic() > end:
                raise Deadline(f"operation has not ended: {operation}\n{self.place.manager_log()}")

    # -- the weather

    def begin(self) -> None:
        """Bring everything up, and start giving commands."""
        # What crashes may have done so before all was settled: then `up` says so.
        up = self.place.stoker("up", "-d", str(self.place.directory))
        assert up.status in (0, 1), up
        for name in (*self.steady, *self.counting):
            self.place.until(lambda name=name: self.runs(name), f"{name} runs")
        self._thread(self._edit)
        groups = [self.commanded[number::3] for number in range(3)]
        for number, names in enumerate(group for group in groups if group):
            self._thread(self._bid, names, random.Random(self.seed * 100 + number))

    def _thread(self, do: Callable[..., None], *arguments: Any) -> None:
        def run() -> None:
            try:
                do(*arguments)
            except BaseException as error:
                self.problems.append(
                    f"{do.__name__}{arguments[:1]}: {type(error).__name__}: {error}"
                )

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _bid(self, names: Sequence[str], dice: random.Random) -> None:
        """Command these services, and look each time whether what was asked for is so."""
        up = set(names)
        with self.client() as client:
            while not self._over.is_set():
                name = dice.choice(names)
                verb = dice.choice(("stop", "start", "restart", "disable", "enable"))
                operation = self.command(client, verb, name)
                if operation["outcome"] != "done":
                    self.problems.append(f"{verb} {name}: {operation}")
                if verb in ("stop", "disable") and self.held(name):
                    self.problems.append(f"{name} still runs after {verb}: {operation}")
                runs = verb in ("start", "enable") or (verb == "restart" and name in up)
                up = up - {name} if verb in ("stop", "disable") else up | {name} if runs else up
                if runs and not self._starts(name):
                    self.problems.append(f"{name} does not run after {verb}: {operation}")
                time.sleep(dice.random() * 0.05)
            for name in names:
                self.command(client, "enable", name)
                self.command(client, "start", name)

    def _starts(self, name: str) -> bool:
        """Whether it runs: the command is over once it was executed, its first line comes later."""
        end = time.monotonic() + PATIENCE
        while not self.held(name):
            if time.monotonic() > end:
                return False
            time.sleep(0.01)
        return True

    def _edit(self) -> None:
        """Change definitions, reload, and look whether they run with the change."""
        with self.client() as client:
            turn = 0
            while not self._over.is_set():
                turn += 1
                for name in self.edited:
                    self.define(name, "steady", turn)
                answer = self.until_answered(lambda: client.post("/v1/reload", {}))
                self.ended(client, answer["operation"])
                self.reloads += 1
                for name in self.edited:
                    self._has_round(name, str(turn))
                time.sleep(0.2)

    def _has_round(self, name: str, turn: str) -> None:
        def look() -> bool:
            runs = self.runs(name)
            return bool(runs) and runs[-1][-1] == turn

        self.place.until(look, f"{name} runs with round {turn}", PATIENCE)

    def calm(self) -> None:
        """No more commands; what crashes goes on running."""
        self._over.set()
        for thread in self._threads:
            thread.join(2 * PATIENCE)
        (self.notes / "calm").touch()

    # -- afterwards

    def check(self) -> None:
        """Nothing was lost, and nothing doubled. Ends with everything down."""
        place = self.place
        twice = self.noted("twice")
        assert not self.problems, "\n".join([*self.problems[:5], twice, place.manager_log()])
        everyone = (*self.steady, *self.counting, *self.crashing, *self.commanded, *self.edited)
        rows = {}
        for name in everyone:
            place.until(lambda name=name: self._settled(name), f"{name} has settled", PATIENCE)
        rows = place.instances()
        assert self.noted("twice") == "", "ran twice: " + self.noted("twice") + place.manager_log()
        for name in (*self.steady, *self.counting):
            assert len(self.runs(name)) == 1, (name, self.runs(name), place.manager_log())
            assert self.noted(f"signals.{name}") == "", name
            assert str(rows[name]["pid"]) == self.runs(name)[0][0], name
            assert (rows[name]["run"], rows[name]["restarts"]) == (1, 0), rows[name]
        for name in self.crashing:
            count = len(self.runs(name))
            same = rows[name]["run"] == count if self.exact else rows[name]["run"] <= count
            assert same, (rows[name], self.runs(name), place.manager_log())
            assert len(self.noted(f"ends.{name}").split()) == count - 1, (name, count)
            assert self.noted(f"signals.{name}") == "", name
        for name in everyone:
            assert str(rows[name]["pid"]) == self.runs(name)[-1][0], (rows[name], self.runs(name))
        log = (place.directory / ".stoker/logs/stoker.log").read_text(errors="replace")
        # What was killed while it wrote leaves half a record at the end: that was never acted upon.
        told = log.replace("state log: 0 damaged records passed over, ", "")
        for word in ("a mistake of ours", "Traceback", "set aside", "state log:"):
            assert word not in told, log
        if self.exact and self.history:
            self.check_history()
        place.down()
        for name in everyone:
            assert not self.held(name), f"{name} has survived"
        for name in self.counting:
            self.check_lines(name)
        assert self.noted("refused") == "", "a write failed"

    def check_history(self) -> None:
        """Each run of what crashes stands in the history once, with the end that it had."""
        for name in self.crashing:
            count = len(self.runs(name))
            pids = [int(pid) for pid, _round in self.runs(name)]
            expected = [
                (number, pid, 7 if number < count else None) for number, pid in enumerate(pids, 1)
            ]

            def told(name: str = name) -> list[tuple[int, int, int | None]]:
                answer = self.place.stoker("history", "--json", "-n", "100000", name).ok().json()
                return [(one["run"], one["pid"], one["status"]) for one in answer["runs"]]

            end = time.monotonic() + PATIENCE
            while told() != expected and time.monotonic() < end:  # it is written in groups
                time.sleep(0.1)
            wrong = set(told()) ^ set(expected)
            if wrong:
                changes = self.place.stoker("history", "--transitions", "--json", name).out
                rows = self.place.stoker("history", "--json", name).out
                where = (name, sorted(wrong, key=str)[:6], count)
                raise AssertionError(f"{where}\n{rows}\n{changes}\n{self.lives_and(wrong)}")

    def lives_and(self, wrong: Iterable[tuple[int, int, int | None]]) -> str:
        """What the log has of the lives of our programs, and of these processes."""
        words = (" keeper: ", "generation ", *(f" {pid} " for _run, pid, _status in wrong))
        texts = [path.read_text(errors="replace") for path in self.place.base.rglob("stoker*.log*")]
        lines = [line for text in texts for line in text.splitlines()]
        return "\n".join(line for line in lines if any(word in line for word in words))

    def _settled(self, name: str) -> bool:
        row = self.place.instance(name)
        runs = self.runs(name)
        quiet = row["state"] == "online" and row["next_state"] is None
        if name in self.crashing and self.noted(f"stays.{name}").strip() != str(row["pid"]):
            return False  # this one was begun before the calm, and ends in a moment
        return quiet and bool(runs) and str(row["pid"]) == runs[-1][0]

    def check_lines(self, name: str) -> None:
        """All that it wrote stands in its log, each line once and in order."""
        text = self.place.stoker("logs", "--plain", name).ok().out.splitlines()
        last = text[-1].split() if text else []
        assert last[:1] == ["end"], text[-3:]
        expected = [f"{n} of a service that counts" for n in range(1, int(last[1]) + 1)]
        if text[:-1] != expected:
            wrong = next(
                (n for n, (a, b) in enumerate(zip(text, expected, strict=False)) if a != b), None
            )
            around = text[max(0, (wrong or 0) - 2) : (wrong or 0) + 3]
            raise AssertionError(f"{name}: {len(text)} lines of {len(expected)}; {wrong}: {around}")


def programs(place: Scenario) -> dict[str, tuple[int, str, int]]:
    """(pid, word, generation) of manager and recorder, as the keeper writes them."""
    found = {}
    with contextlib.suppress(FileNotFoundError):
        for line in (place.runtime / "keeper").read_text().splitlines():
            words = line.split()
            if words[0] in ("manager", "recorder"):
                found[words[0]] = (int(words[1]), words[2], int(words[4]))
    return found


def kill(place: Scenario, role: str, dice: random.Random, early: bool = False) -> None:
    """KILL a program at a random moment of its life; `early`: perhaps before it is ready."""

    def there() -> int:
        pid, word, _generation = programs(place).get(role, (0, "", 0))
        return pid if pid and (early or word == "ready") else 0

    pid = place.until(there, f"a {role}", PATIENCE)
    # Now and then one lives long enough for what takes long, a reload for instance.
    time.sleep(dice.random() * (1.5 if dice.random() < 0.1 else 0.15))
    # It may have ended at this very moment: then the number is nobody's yet.
    with contextlib.suppress(ProcessLookupError):
        if programs(place).get(role, (0,))[0] == pid:
            os.kill(pid, signal.SIGKILL)
    place.until(lambda: programs(place).get(role, (0,))[0] != pid, f"{role} {pid} gone", PATIENCE)


def another_keeper(place: Scenario, before: int) -> None:
    """Wait until a keeper other than that one, which is dead, has a manager that is ready. What the
    dead one has left written says nothing of that.
    """

    def there() -> bool:
        words = (place.runtime / "keeper").read_text().split()[:2]
        return words != ["pid", str(before)] and programs(place)["manager"][1] == "ready"

    place.until(there, "another keeper, with a manager that is ready", PATIENCE)


@contextlib.contextmanager
def storm(many: int, seed: int, containment: str = "") -> Iterator[Storm]:
    """A storm that blows inside the block; afterwards it is checked that all is well.
    `containment` "session": without cgroups, also where there are some.
    """
    with Scenario(environment={"STOKER_CONTAINMENT": containment}) as place:
        weather = Storm(place, many, seed)
        weather.begin()
        try:
            yield weather
        finally:
            weather.calm()
        weather.check()


def have_flock() -> bool:
    """util-linux or busybox."""
    return subprocess.run(["sh", "-c", "command -v flock"], capture_output=True).returncode == 0
