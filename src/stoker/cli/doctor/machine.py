"""The machine: descriptors, cgroups, processes left over, the clock."""

from __future__ import annotations

import os
import resource
import time

from ..say import age, plural
from .report import Patient, read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["cgroups", "clock", "descriptors", "orphans"]

_EACH = 4
"""Descriptors that an instance may need of the manager: both ends of its pipe, or a socket."""
_OURS = 256
"""Descriptors of our own besides: libraries, watches, clients."""


def descriptors(patient: Patient) -> None:
    """Used, allowed and kept back: of each program of ours, and of the machine."""
    from stoker.model import Settings

    settings = patient.compiled.settings if patient.compiled else Settings()
    for role, pid in patient.pids.items():
        used, limit = _used(pid), _limit(pid)
        if used is None or limit is None:
            continue
        left = limit - used - settings.reserve
        text = f"{role}: {used} of {limit} descriptors in use, {settings.reserve} kept back"
        remedy = "raise the hard limit for whoever starts stoker (ulimit -Hn, LimitNOFILE=)"
        if left <= 0:
            patient.error("descriptors", text, f"{remedy}; until then new services are refused")
        elif left < used // 4:
            patient.warning("descriptors", text, remedy)
        else:
            patient.fact("descriptors", text)
    if not patient.pids:
        _would_do(patient, len(patient.compiled.definitions), settings.reserve)
    _whole_machine(patient)


def _would_do(patient: Patient, count: int, reserve: int) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    need = _EACH * count + reserve + _OURS
    if os.getuid() == 0:
        hard = max(hard, int(read("/proc/sys/fs/nr_open") or 0))  # root raises it itself
    text = f"{plural(count, 'instance')} may need {need} descriptors, {hard} are allowed"
    if 0 <= hard < need:
        patient.warning("descriptors", text, "raise the hard limit (ulimit -Hn) before `up`")
    else:
        patient.fact("descriptors", text)


def _used(pid: int) -> int | None:
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return None


def _limit(pid: int) -> int | None:
    try:
        return resource.prlimit(pid, resource.RLIMIT_NOFILE)[0]
    except OSError:
        return None


def _whole_machine(patient: Patient) -> None:
    words = (read("/proc/sys/fs/file-nr") or "").split()
    if len(words) == 3 and int(words[0]) > 0.9 * int(words[2]):
        patient.warning(
            "descriptors",
            f"the machine has {words[0]} of at most {words[2]} files open",
            "sysctl fs.file-max, or find who has so many open",
        )


# -- cgroups


def cgroups(patient: Patient) -> None:
    """Whether there are any, whether we may use them, what they can limit, what is left in them."""
    mount = _mount()
    contained = str(patient.about.get("containment", ""))
    if contained.startswith("cgroup ("):
        base = contained.removeprefix("cgroup (").removesuffix(")")
        _in_use(patient, base)
        return
    if mount is None:
        text = "no cgroup2 is mounted; processes are followed by session and marker"
    elif contained:
        text = "processes are followed by session and marker; our cgroup is not ours to divide"
    elif not (where := _may_divide(mount)):
        text = f"cgroup2 is mounted at {mount}, and not ours to divide"
    else:
        patient.fact("cgroups", f"usable: {where}")
        _limits(patient, set((read(f"{where}/cgroup.controllers") or "").split()))
        return
    if os.getuid() == 0 and not contained:
        remedy = "mount cgroup2 writable (in a container: give it one), for exact containment"
        patient.warning("cgroups", text, remedy)
    else:
        patient.fact("cgroups", text)
    _limits(patient, set())


def _limits(patient: Patient, available: set[str]) -> None:
    """Limits that definitions ask for, and that nothing here can keep."""
    from stoker.model import display

    missing: dict[str, list[str]] = {}
    for one in patient.compiled.definitions:
        wanted = {name for name in ("memory", "cpu", "pids", "io") if getattr(one.limits, name)}
        for name in sorted(wanted - available):
            missing.setdefault(name, []).append(display(one.fmri))
    for name, whose in missing.items():
        patient.warning(
            "cgroups",
            f"the {name} limit of {', '.join(whose[:5])} cannot be kept: no {name} controller here",
            "run as root with cgroup2, or under systemd with Delegate=yes (`stoker install` does)",
        )


def _mount() -> str | None:
    """Where cgroup2 is mounted (proc_pid_mountinfo(5))."""
    for line in (read("/proc/self/mountinfo") or "").splitlines():
        before, _, after = line.partition(" - ")
        if after.split(" ")[0] == "cgroup2":
            return before.split(" ")[4].replace("\\040", " ")
    return None


def _may_divide(mount: str) -> str:
    """The cgroup below which we could make others; "" for none. Asked, not tried."""
    own = ""
    for line in (read("/proc/self/cgroup") or "").splitlines():
        if line.startswith("0::"):
            own = mount + line[3:].rstrip("/")
    for path in (own, mount):
        if path and os.access(path, os.W_OK) and os.access(f"{path}/cgroup.procs", os.W_OK):
            return path
    return ""


def _in_use(patient: Patient, base: str) -> None:
    available = set((read(f"{os.path.dirname(base)}/cgroup.controllers") or "").split())
    named = ", ".join(sorted(available)) or "none"
    patient.fact("cgroups", f"{base}; controllers: {named}")
    _limits(patient, available)
    known = {int(row["contract"]) for row in patient.rows if row.get("contract") is not None}
    orphaned = " ".join(patient.about.get("notices", ()))
    for kind in ("s", "l", "m"):
        for name in _folders(f"{base}/{kind}"):
            number = _number(name)
            if number is None or number in known or f"(contract {number})" in orphaned:
                continue
            path = f"{base}/{kind}/{name}"
            if "populated 1" in (read(f"{path}/cgroup.events") or ""):
                patient.warning(
                    "cgroups",
                    f"processes in {path} belong to no run that the manager knows",
                    f"look at them, then: echo 1 > {path}/cgroup.kill",
                )


def _folders(path: str) -> list[str]:
    try:
        return sorted(one.name for one in os.scandir(path) if one.is_dir())
    except OSError:  # not made yet, or gone
        return []


def _number(name: str) -> int | None:
    """The contract's number in NAME.CTID or NAME.CTID.METHOD."""
    for part in reversed(name.rsplit(".", 2)[1:]):
        if part.isdigit():
            return int(part)
    return None


# -- orphans


def orphans(patient: Patient) -> None:
    """Processes left running on purpose or because they do not end; and those of an earlier
    manager.
    """
    for text in patient.about.get("notices", ()):
        if text.startswith("left running"):
            patient.warning("orphans", text, "end them by hand, or leave them: they are not ours")
    if patient.about:
        if not any(one.subject == "orphans" for one in patient.findings):
            patient.fact("orphans", "none")
        return
    left: dict[str, list[int]] = {}
    for pid, name in _marked(patient.mark):
        left.setdefault(name, []).append(pid)
    for name, pids in sorted(left.items()):
        shown = " ".join(map(str, pids[:10]))
        patient.warning(
            "orphans",
            f"{name}, of an earlier manager, still runs (process {shown})",
            f"{patient.command} up -d takes it over; or kill {shown}",
        )
    if not left:
        patient.fact("orphans", "no process of an earlier manager runs")


def _marked(mark: str) -> Iterator[tuple[int, str]]:
    """Processes with the place's marker in their environment; only those that we may look at."""
    sign = f"STOKER_CONTRACT={mark}/".encode()
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/environ", "rb") as file:
                variables = file.read().split(b"\0")
        except OSError:  # gone, or another user's
            continue
        for one in variables:
            if one.startswith(sign):
                yield int(entry), one[len(sign) :].decode("utf-8", "replace")
                break


# -- the clock


def clock(patient: Patient) -> None:
    """Synchronised, plausible, and not set back behind what we wrote ourselves."""
    now = time.time()
    born = _newest(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    if now < born - 86400:
        patient.error(
            "clock",
            f"the clock says {time.strftime('%Y-%m-%d', time.gmtime(now))}, before this program "
            "was made",
            "set it (date -s, or NTP); times in logs and `--until` are wrong until then",
        )
    ahead = max((_changed(path) - now for path in _written(patient)), default=0.0)
    if ahead > 60:
        patient.warning(
            "clock",
            f"our files were written {age(ahead)} in the future: the clock was set back",
            "history and logs of that time are out of order; nothing needs to be done once it "
            "is right",
        )
    state = _synchronised()
    if state is False and not _ask_for_time(patient):
        patient.fact("clock", "nothing keeps it right (adjtimex); no service here asks for TIME")
    elif state is False:
        patient.warning(
            "clock",
            "nothing keeps the clock right (adjtimex), and services here ask for TIME",
            "run a time service (systemd-timesyncd, chrony); in a container: on its host",
        )
    elif not ahead > 60:
        patient.fact("clock", "synchronised" if state else "there is no telling who keeps it")


def _ask_for_time(patient: Patient) -> bool:
    return any(
        "input:TIME" in dependency.targets
        for definition in patient.compiled.definitions
        for dependency in definition.dependencies
    )


def _written(patient: Patient) -> list[str]:
    place = patient.place
    return [place.log, place.repository, place.state + "/history.db"]


def _changed(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def _newest(folder: str) -> float:
    """When this program was put here, at the latest (a file dated by a build may be older)."""
    return min(_changed(folder), _changed(os.path.join(folder, "__init__.py")))


def _synchronised() -> bool | None:
    """Whether something keeps the wall clock right (adjtimex(2)); None when there is no telling."""
    import ctypes

    try:
        libc = ctypes.CDLL(None, use_errno=True)
        buffer = ctypes.create_string_buffer(512)  # larger than struct timex anywhere; modes = 0
        state = libc.adjtimex(buffer)
    except (OSError, AttributeError):  # no such call in this C library
        return None
    word = ctypes.sizeof(ctypes.c_long)
    status = ctypes.c_int.from_buffer(buffer, 5 * word if word == 8 else 4 + 4 * word).value
    return None if state < 0 else state != 5 and not status & 0x40
