"""Keeper, manager and recorder: alive, answering, and how often they died."""

from __future__ import annotations

import os
import socket

from stoker.errors import NoManager, NotYet, StokerError

from .report import Patient, read

__all__ = ["programs"]

_SUBJECT = "programs"
_PATIENCE = 10.0  # seconds for an answer


def programs(patient: Patient) -> None:
    """Ask the manager, read what the keeper says of the two, knock at the recorder's door."""
    _ask(patient)
    _keeper_says(patient)
    if patient.about:
        _recorder(patient)
        for text in patient.about.get("notices", ()):
            if not text.startswith("left running"):  # those are for `orphans`
                patient.warning(_SUBJECT, text, f"{patient.command} logs --manager")


def _ask(patient: Patient) -> None:
    from stoker.client import connect

    place = patient.place
    try:
        client = connect(place)
        patient.client = client
        about = client.get("/v1", patience=_PATIENCE)
        patient.rows = client.get("/v1/instances", patience=_PATIENCE)["instances"]
        patient.about = about
    except NoManager:
        _nobody(patient)
    except NotYet as error:
        patient.error(
            _SUBJECT,
            str(error),
            f"{patient.command} logs --manager; if it stays so, kill -KILL the manager: its keeper "
            "starts another, and no service is touched",
        )
    except StokerError as error:
        patient.error(_SUBJECT, str(error), error.hint or "ask root, or the owner of the place")


def _nobody(patient: Patient) -> None:
    place = patient.place
    if keeper := _keeper(place.runtime):
        patient.pids["keeper"] = keeper
        patient.error(
            _SUBJECT,
            f"keeper {keeper} runs, and nobody listens on {place.socket}",
            f"{patient.command} logs --manager says why; kill -TERM {keeper} ends it and its "
            "services",
        )
    elif os.path.lexists(place.socket):
        patient.warning(
            _SUBJECT,
            f"{place.socket} is left over: its keeper was killed",
            f"{patient.command} up -d takes over what still runs",
        )
    else:
        patient.fact(_SUBJECT, "no manager runs here")


def _keeper(runtime: str) -> int:
    """The keeper that the lock names, if it lives."""
    first = (read(runtime + "/lock") or "").split("\n")[0].strip()
    words = (read(f"/proc/{first}/cmdline") or "").split("\0") if first.isdigit() else []
    return int(first) if runtime in words else 0


def _keeper_says(patient: Patient) -> None:
    """RUN/keeper: one line for each program, as stoker/keeper.py writes it."""
    if not patient.about and "keeper" not in patient.pids:
        return
    if keeper := patient.about.get("keeper_pid"):
        patient.pids["keeper"] = int(keeper)
    text = read(patient.place.runtime + "/keeper")
    if text is None:
        if patient.ours or os.getuid() == 0:
            patient.error(
                _SUBJECT,
                f"the keeper's status file {patient.place.runtime}/keeper is missing",
                f"{patient.command} reexec writes it anew",
            )
        return
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["trouble"]:
            patient.error(_SUBJECT, line.removeprefix("trouble "), f"read {patient.place.log}")
        elif len(words) == 7 and words[1].isdigit():
            _life(patient, words)


def _life(patient: Patient, words: list[str]) -> None:
    role, pid, state, _, generation, _, failures = words
    if pid != "0":
        patient.pids[role] = int(pid)
    if state == "dead":
        patient.error(_SUBJECT, f"the {role} is dead", f"read {patient.place.log}")
    elif failures != "0":
        patient.warning(
            _SUBJECT,
            f"{failures} times in succession the {role} died before it served",
            f"{patient.command} logs --manager",
        )
    else:
        lives = int(generation) - 1
        came = f", replaced {lives} times" if lives > 1 else ", replaced once" if lives else ""
        patient.fact(_SUBJECT, f"{role}: process {pid}, {state}{came}")


def _recorder(patient: Patient) -> None:
    path = patient.place.runtime + "/records"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(_PATIENCE)
        try:
            sock.connect(path)
        except PermissionError:
            return  # it is for the owner
        except OSError as error:
            patient.error(
                _SUBJECT,
                f"the recorder does not answer ({path}: {error.strerror or error})",
                "kill -KILL it: the keeper starts another, and no line is lost",
            )
