"""Our files: logs and room for them, databases, who may write what, the definitions."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile

from ..say import plural, size
from ..settling import mistake_text
from .report import Patient

__all__ = ["definitions", "logs", "permissions", "repository"]

_LITTLE = 256 << 20
_NOTHING = 16 << 20
_LARGE = 64 << 20
"""Databases above this are not copied for a check; they are checked as they lie."""


def logs(patient: Patient) -> None:
    """The directory of logs: there, writable, with room."""
    folder = patient.place.logs
    if not os.path.isdir(folder):
        if patient.about:
            patient.error(
                "logs",
                f"there is no {folder}: output is counted and dropped",
                f"mkdir -m 700 {folder}; it is noticed by itself",
            )
        else:
            patient.fact("logs", f"{folder} will be made at the first start")
        folder = _there(folder)
    elif patient.ours and not os.access(folder, os.W_OK | os.X_OK):
        patient.error("logs", f"{folder} cannot be written", f"chmod u+rwx {folder}")
    for path in dict.fromkeys((folder, _there(patient.place.state))):
        _room(patient, path)


def _there(path: str) -> str:
    """The nearest directory upward that exists."""
    while not os.path.isdir(path) and path != "/":
        path = os.path.dirname(path)
    return path


def _room(patient: Patient, path: str) -> None:
    try:
        found = os.statvfs(path)
    except OSError:  # not ours to ask
        return
    free, whole = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
    text = f"{size(free)} of {size(whole)} free where {path} is"
    remedy = "make room, or keep less: [log] size and count in the settings"
    if whole and free < _NOTHING:
        patient.error("logs", text, remedy)
    elif whole and free < min(_LITTLE, whole // 20):
        patient.warning("logs", text, remedy)
    else:
        patient.fact("logs", text)
    if found.f_files and found.f_favail < max(100, found.f_files // 1000):
        patient.warning("logs", f"hardly any inodes left where {path} is", "remove small files")


def repository(patient: Patient) -> None:
    """Both databases whole; nothing set aside that nobody has looked at."""
    place = patient.place
    for path, what in (
        (place.repository, "administrators' choices"),
        (os.path.join(place.state, "history.db"), "history"),
    ):
        if not os.path.exists(path):
            continue
        if not os.access(path, os.R_OK):
            patient.fact("repository", f"{path}: not ours to read")
            continue
        said = _checked(path, live=bool(patient.about))
        if said == "ok":
            patient.fact("repository", f"{path}: whole")
        else:
            patient.error(
                "repository",
                f"{path} ({what}): {said}",
                f"{patient.command} down, then up -d: it is set aside, and the newest good backup "
                "takes its place",
            )
    _set_aside(patient)


def _set_aside(patient: Patient) -> None:
    try:
        names = sorted(os.listdir(patient.place.state))
    except OSError:  # none yet, or not ours to read
        return
    for name in names:
        if ".damaged-" in name and not name.endswith(("-wal", "-shm", "-journal")):
            path = os.path.join(patient.place.state, name)
            patient.warning(
                "repository",
                f"{path} was found damaged and set aside",
                "see that the disk is sound, check your choices with `stoker ls`, then remove it",
            )


def _checked(path: str, live: bool) -> str:
    """SQLite's word on a database: "ok", or what is wrong. Never writes beside it."""
    folder = ""
    name = os.path.abspath(path)
    try:
        mode = "mode=ro"
        if not live:
            mode = "mode=ro&immutable=1"
            if os.path.exists(path + "-wal") and os.stat(path).st_size < _LARGE:
                # A copy, because reading a write-ahead log makes files beside it.
                folder = tempfile.mkdtemp(prefix="stoker-doctor-")
                for end in ("", "-wal"):
                    shutil.copyfile(path + end, os.path.join(folder, "copy" + end))
                name, mode = os.path.join(folder, "copy"), "mode=rw"
        quoted = name.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
        base = sqlite3.connect(f"file:{quoted}?{mode}", uri=True, timeout=5.0)
        try:
            return str(base.execute("PRAGMA integrity_check(1)").fetchone()[0])
        finally:
            base.close()
    except sqlite3.Error as error:
        return str(error)
    except OSError as error:
        return error.strerror or str(error)
    finally:
        if folder:
            shutil.rmtree(folder, ignore_errors=True)


def permissions(patient: Patient) -> None:
    """Nobody but the owner may write where we read; only the owner sees the runtime directory."""
    place = patient.place
    before = len(patient.findings)
    if found := _stat(place.runtime):
        mode = stat.S_IMODE(found.st_mode)
        granted = mode & 0o077 & ~0o011  # the manager lets those with a role through
        if found.st_uid != patient.owner:
            patient.error(
                "permissions",
                f"{place.runtime} belongs to uid {found.st_uid}, not {patient.owner}",
                "remove it, or use --runtime-dir",
            )
        elif granted:
            text = f"{place.runtime} is open to others (mode {mode:04o})"
            patient.warning("permissions", text, f"chmod go-rwx {place.runtime}")
    for path in (place.state, place.logs, *place.directories, *place.settings):
        _only_owner_writes(patient, path)
    for one in patient.compiled.definitions:
        if one.source:
            _only_owner_writes(patient, one.source)
    if len(patient.findings) == before:
        patient.fact("permissions", "only the owner may write what we read")


def _only_owner_writes(patient: Patient, path: str) -> None:
    found = _stat(path)
    if found is None or any(one.text.startswith(path + " ") for one in patient.findings):
        return
    mode = stat.S_IMODE(found.st_mode)
    root = patient.place.kind == "system"
    if root and found.st_uid != 0:
        text = f"{path} belongs to uid {found.st_uid}, who so decides what root runs"
        patient.warning("permissions", text, f"chown root {path}")
    if mode & 0o002 and not mode & stat.S_ISVTX:
        text = f"{path} can be written by everybody (mode {mode:04o})"
        patient.error("permissions", text, f"chmod o-w {path}")
    elif root and mode & 0o020 and found.st_gid != 0:
        text = f"{path} can be written by group {found.st_gid} (mode {mode:04o})"
        patient.warning("permissions", text, f"chmod g-w {path}")


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except OSError:  # not there, or not ours to see
        return None


def definitions(patient: Patient) -> None:
    """Mistakes in definitions and settings, and loops, as `check` finds them."""
    import msgspec

    from stoker.insight import loops
    from stoker.model import display

    compiled = patient.compiled
    check = f"{patient.command} check"
    for one in compiled.mistakes:
        data = msgspec.structs.asdict(one)
        report = patient.error if one.level == "error" else patient.warning
        remedy = one.hint or f"mend it, then {check}"
        report("definitions", mistake_text({**data, "hint": ""}), remedy)
    for loop in loops(compiled.definitions):
        drawn = " → ".join(display(fmri) for fmri in [*loop, loop[0]])
        text = f"dependency loop: {drawn}: none of them can ever start"
        patient.error("definitions", text, "take one of these dependencies out")
    for row in patient.rows:
        if row["state"] == "maintenance":
            text = f"{row['name']} is in maintenance: {row.get('note') or row['reason']}"
            remedy = f"{patient.command} explain {row['name']}; then clear"
            patient.warning("definitions", text, remedy)
    if not compiled.mistakes:
        patient.fact("definitions", f"{plural(len(compiled.definitions), 'instance')}, no mistakes")
