"""The director: `director RUN EVENT…`, kept by the machine's keeper.

It gets the signals of the first process and runs what they ask for, as processes in slots
(`slots`). The events on its command line are those by which the machine boots; a director that is
started again finds in RUN/system/state which events are not over, and begins those once more: to
ask for a target twice does no harm. It asks nothing of the manager itself, so a manager that hangs
or is not there holds up nothing but the job that asked it; and what keys are for, and a shell, are
had without a manager and without targets too (`slots.INSTEAD`).

An end (`fast-…`, which the targets of the same names ask for at last, and what replaces such a
target that fails): everything is taken down by the manager, within a limit; then, or when there is
no manager, the keeper is told to end all and to execute `finish`.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterable
from typing import Any, NoReturn

from stoker.linux import Loop, Timer, acpi, channel, prctl
from stoker.linux import loop as epoll

from . import reason
from .console import remark, say
from .signals import FAST, POWER, event_named
from .slots import INSTEAD, MODES, Slots
from .view import MISSING, NO_MANAGER, SKIPPED

__all__ = ["Director", "main"]

_LIMIT = 90.0  # seconds for everything to go down before it is killed
_VARIABLE = "STOKER_SHUTDOWN_LIMIT"  # other seconds; may stand on the kernel's command line
_GRACE = 5.0  # seconds that the keeper gives to what is left then
_SECOND = 1_000_000_000


class Director:
    """One life of the director."""

    def __init__(self, run: str, boot: list[str], keeper: channel.Channel) -> None:
        self.run_directory = run
        self.channel = keeper
        self.loop = Loop(self._failed)
        self.slots = Slots()
        self.ending = ""  # the action, once there is no way back
        self.down_pid = 0
        self.told = False  # the keeper, to end
        self._alarm: Timer | None = None
        self._limit: Timer | None = None
        self.seconds, self.slots.alarm = limits(os.environ.get(_VARIABLE, ""))
        self._state = reason.read(f"{run}/system/state")
        if not self._state.get("begun"):
            self._tell_last()
            for event in boot:
                self.slots.ask(event)
            self._remember(begun=True, open=self.slots.open())
        else:
            for event in self._state.get("open", ()):
                self.slots.ask(str(event))
        if self._state.get("ending"):  # the director before us had come so far
            self.end(str(self._state["ending"]))

    def run(self) -> int:
        """Serve until the keeper ends us."""
        self.loop.signals([signal.SIGCHLD], lambda _number: self._reap())
        quiet = (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR2, signal.SIGPIPE)
        self.loop.signals(quiet, lambda _number: None)
        self.loop.signals([signal.SIGUSR1], lambda _number: self._extend())
        self.loop.signals([signal.SIGTERM], lambda _number: self.loop.stop())
        self.loop.watch(self.channel.fileno(), epoll.READ, self._keeper_said)
        self._hear_buttons()
        self.channel.ready()
        self.loop.at(time.monotonic_ns(), self._reap)
        self.loop.run(self._go_on)
        return 0

    # -- what is heard

    def _keeper_said(self, _events: int) -> None:
        try:
            self.hear(self.channel.receive())
        except EOFError:
            self.loop.stop()  # no keeper, no machine: nothing is left for us to do

    def hear(self, packets: Iterable[channel.Packet]) -> None:
        """What the keeper says."""
        for packet in packets:
            packet.close()
            if packet.verb == "SIGNAL":
                self.signalled(int(packet.args[0]))
            elif packet.verb == "WANTED":
                self._all_is_down()

    def _hear_buttons(self) -> None:
        try:
            listener = acpi.listen()
        except OSError as error:  # a container, or a machine without ACPI
            remark(f"no power button: {error.strerror}")
            return

        def said(_events: int) -> None:
            if acpi.POWER_BUTTON in acpi.events(listener) and not self.ending:
                self.ask("power-button")

        self.loop.watch(listener.fileno(), epoll.READ, said)

    def signalled(self, number: int) -> None:
        """A signal to the first process."""
        event = event_named(number)
        if event in FAST:
            self.end(FAST[event])
        elif not event:
            if number not in (signal.SIGTERM, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
                remark(f"signal {number} means nothing to the first process")
        elif not self.ending:
            self.ask(event)

    def ask(self, event: str) -> None:
        """Have a job run."""
        if event in POWER:
            self._note(event)
        self.slots.ask(event)

    def _all_is_down(self) -> None:
        """The manager has nothing left to do. Without an end that was asked for, somebody took
        everything down by hand: that is what a halt of the machine is.
        """
        if not self.ending:
            self.end("halt")
        self._tell()

    # -- jobs

    def _go_on(self) -> None:
        for event in self.slots.due() if not self.ending else ():
            self._start(event)
        self._end_the_late()
        if self.slots.open() != self._state.get("open"):
            self._remember(open=self.slots.open())

    def _end_the_late(self) -> None:
        for job in self.slots.late(time.monotonic()):
            say(f"{job.event}: took too long, and is killed")
            self._kill(job.pid)
            self.slots.ended(job.pid)
            self._over(job.event, -signal.SIGKILL)
        at = self.slots.next_alarm()
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = None
        if at is not None:
            self._alarm = self.loop.at(int(at * _SECOND), lambda: None)

    def _start(self, event: str) -> None:
        remark(f"{event} begins")
        try:
            pid = self._spawn(event)
        except OSError as error:  # no process or memory to be had
            say(f"{event}: {error.strerror}")
            self._over(event, 127)
            return
        self.slots.started(event, pid, time.monotonic())

    def _spawn(self, event: str) -> int:
        """A fork of us: another interpreter would take longer to start than most jobs last."""
        pid = os.fork()
        if pid == 0:
            self._be(event)
        return pid

    def _be(self, event: str) -> NoReturn:
        """In the child: the job, in a session of its own."""
        status = 70
        try:
            os.setsid()
            if event != "emergency":  # a person's shell goes on; what else is begun is begun again
                prctl.die_with_parent()
            os.close(self.channel.fileno())
            signal.set_wakeup_fd(-1)
            for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # as Python has it: an error instead
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            from .job import main as job

            status = job([self.run_directory, event])
        except BaseException as error:  # nobody above us would say it
            say(f"{event}: {type(error).__name__}: {error}")
        finally:
            os._exit(status)

    def _kill(self, pid: int) -> None:
        """A job and what it started: it leads a session and a group of its own, or is about to."""
        for kill in (os.killpg, os.kill):
            try:
                kill(pid, signal.SIGKILL)
            except OSError:
                pass  # gone meanwhile, or no leader yet

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.down_pid:
                self._tell()
                continue
            event = self.slots.ended(pid)
            if event:
                self._over(event, os.waitstatus_to_exitcode(status))

    def _over(self, event: str, status: int) -> None:
        """A job has ended. An end that cannot be had in order is had all the same."""
        if event in ("sysinit", "normal", "rescue") or status != 0:
            say(f"{event}: {'done' if status == 0 else f'failed (status {status})'}")
        if event in POWER and status != 0:
            self.end(event)
            if status in (SKIPPED, NO_MANAGER):
                self._tell()
        elif status == MISSING or (status == NO_MANAGER and event not in MODES):
            self._instead(event)

    def _instead(self, event: str) -> None:
        """There is no target for it, or (for keys) nobody who could start that. Where no manager
        gets ready for what a machine comes up to, the keeper gives a person a shell.
        """
        other = INSTEAD.get(event, "")
        if other and other not in [job.event for job in self.slots.running.values()]:
            say(f"{event}: {other} instead")
            self.ask(other)

    # -- the end

    def _note(self, action: str) -> None:
        """Keep why, once: what a target asks for at last is no reason of its own."""
        going = self.run_directory + reason.GOING
        if reason.read(going).get("action") != action:
            told = {**reason.taken(self.run_directory, action), "at": time.time()}
            self._write(going, told)

    def end(self, action: str) -> None:
        """Take everything down, and then have the machine ended so."""
        if self.ending:
            return
        self.ending = action
        self._note(action)
        self._remember(ending=action)
        for job in list(self.slots.running.values()):
            self._kill(job.pid)  # the one that asked for this waits for it
            self.slots.ended(job.pid)
        told = reason.read(self.run_directory + reason.GOING)
        why = f": {told['why']}" if told.get("why") else ""
        say(f"{action}, asked for by {told.get('who') or 'nobody'}{why}")
        self._extend()
        try:
            self.down_pid = self._spawn("down")
        except OSError as error:
            say(f"down: {error.strerror}")
            self._tell()

    def _extend(self) -> None:
        """The limit begins anew: at the end, and when a person says so."""
        if not self.ending:
            self.slots.extend(time.monotonic())
        elif not self.told:
            if self._limit is not None:
                self._limit.cancel()
            at = time.monotonic_ns() + int(self.seconds * _SECOND)
            self._limit = self.loop.at(at, self._too_late)

    def _too_late(self) -> None:
        say(f"not everything went down within {self.seconds:.0f} s; the rest is killed")
        self._tell()

    def _tell(self) -> None:
        """Tell the keeper, once."""
        if not self.told:
            self.told = True
            self.channel.stop(0, _GRACE, self.ending)

    # -- what is kept

    def _tell_last(self) -> None:
        """What became of the machine before."""
        try:
            with open(f"{self.run_directory}/place.json", encoding="utf-8") as file:
                text = reason.begun(self.run_directory, json.load(file)["state"])
        except (OSError, ValueError, KeyError) as error:
            remark(f"how it ended before is not known: {error}")
            return
        if text:
            say(text)

    def _remember(self, **more: Any) -> None:
        self._state.update(more)
        self._write(f"{self.run_directory}/system/state", self._state)

    def _write(self, path: str, told: dict[str, Any]) -> None:
        try:
            reason.write(path, told)
        except OSError as error:  # a director that is started again then boots again
            remark(f"{path}: {error.strerror}")

    def _failed(self, error: Exception) -> None:
        say(f"a mistake of ours, contained: {type(error).__name__}: {error}")


def limits(text: str) -> tuple[float, float | None]:
    """Seconds for everything to go down, and for the target of an end before that (None: as any
    job), as this says.
    """
    try:
        seconds = float(text)
    except ValueError:
        return _LIMIT, None
    return (seconds, seconds) if 0.0 < seconds < 1e6 else (_LIMIT, None)


def main(words: list[str]) -> int:
    """The program; its exit status."""
    run, *boot = words
    os.umask(0o022)
    try:
        keeper = channel.Channel.from_environment()
        greeting = keeper.wait(10.0)  # perhaps with what was wanted before us
        director = Director(run, boot, keeper)
        director.hear(greeting)
        return director.run()
    except (LookupError, OSError, EOFError) as error:
        say(f"the director cannot begin: {error}")
        return 1
