"""From fstab(5) to native definitions: a service for each mount, check and swap, with a report.

What is mounted on /var/lib is the service `mount/var/lib`; its file system is checked by
`fsck/var/lib`, and swap on /dev/sda2 is `swap/dev/sda2`. Mounting itself is left to mount(8), which
reads fstab again: what matters here is what is waited for. A mount waits for its device node, for
the mount above it and for its check; it comes before `target/local-fs`, or, when it needs the
network, before `target/remote-fs`; that target wants it, and `target/unmount` stops it. The root
file system, and those that we keep our own state on, are checked and mounted before there is any
service; here they only get fstab's options.

Options are understood in systemd's manner (`x-systemd.requires=`, nofail, …; systemd.mount(5)) and
in nosh's and BSD's (late, failok); the report says of each whether it is taken, approximated or
ignored. Nothing is ever refused for an option that is not known: mount(8) may know it.
"""

from __future__ import annotations

import os.path
import re
import shlex
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from stoker.errors import Failed

from .report import APPROXIMATED, IGNORED, TAKEN, Row
from .systemd import Converted, native_name
from .systemd_words import span
from .toml_text import definition_text

__all__ = ["FstabLine", "convert_fstab", "fstab_lines"]

_OCTAL = re.compile(r"\\([0-7]{3})")
_SAFE = re.compile(r"[^A-Za-z0-9_.+,-]")
_TAGS = {
    "UUID": "by-uuid",
    "LABEL": "by-label",
    "PARTUUID": "by-partuuid",
    "PARTLABEL": "by-partlabel",
}
_REMOTE = {"nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs", "sshfs", "9p", "afs", "davfs"}
_UNCHECKED = _REMOTE | {"tmpfs", "proc", "sysfs", "devpts", "overlay", "btrfs", "fuse", "auto.bind"}
_API = ("/proc", "/sys", "/dev", "/run")
_EARLY = ("/usr", "/var", "/var/lib", "/var/log")
_ABOVE = {
    "local-fs": "target/sysinit",
    "swapauto": "target/sysinit",
    "remote-fs": "target/normal",
}
"""What wants those targets wants what is in them too: so all of it is on its way before they are,
which would else be up at once, for want of something to come after.
"""
_ALREADY = "it is mounted before anything else is done"

Says = tuple[str, str]  # what becomes of an option, and why


class FstabLine(NamedTuple):
    """One entry, with the number of its line."""

    number: int
    source: str
    point: str
    kind: str
    options: tuple[str, ...]
    check: int

    def option(self, name: str) -> str | None:
        """What an option says: its value, "" when it has none, None when it is not there."""
        for one in self.options:
            key, _, value = one.partition("=")
            if key == name:
                return value
        return None

    def values(self, name: str) -> list[str]:
        """Of an option that may be given several times."""
        return [one.partition("=")[2] for one in self.options if one.partition("=")[0] == name]

    def has(self, *names: str) -> bool:
        return any(self.option(name) is not None for name in names)

    @property
    def remote(self) -> bool:
        """Whether it needs the network."""
        return self.has("_netdev") or self.kind.partition(".")[2] in _REMOTE or self.kind in _REMOTE

    @property
    def device(self) -> str:
        """The path at which udev, or the kernel, shows its device; "" when it is no device."""
        tag, sign, value = self.source.partition("=")
        if sign and tag in _TAGS:
            return f"/dev/disk/{_TAGS[tag]}/{_as_udev(value.strip(chr(34)))}"
        return self.source if self.source.startswith("/dev/") else ""


def fstab_lines(text: str) -> tuple[list[FstabLine], list[tuple[int, str]]]:
    """The entries, and the lines that are none: their numbers, and why."""
    found, wrong = [], []
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        if len(fields) < 3:
            wrong.append((number, "device, mount point and type are needed"))
            continue
        options = fields[3].split(",") if len(fields) > 3 else ["defaults"]
        check = fields[5] if len(fields) > 5 else "0"
        if not check.isdecimal():
            wrong.append((number, f"the pass {check!r} is not a number"))
            continue
        point = _plain(fields[1])
        point = point.rstrip("/") or point
        if fields[2] != "swap" and not point.startswith("/"):
            wrong.append((number, f"the mount point {point!r} is not an absolute path"))
            continue
        plain = tuple(_plain(one) for one in options if one)
        found.append(FstabLine(number, _plain(fields[0]), point, fields[2], plain, int(check)))
    return found, wrong


def convert_fstab(text: str, file: str = "/etc/fstab") -> list[Converted]:
    """Convert a whole fstab. What is wrong with a line stands in a `Converted` without text."""
    lines, wrong = fstab_lines(text)
    conversion = _Fstab(lines, file)
    made = [Converted(f"line {number}", why=why) for number, why in wrong]
    for line in lines:
        made += conversion.convert(line)
    return made


class _Fstab:
    """All of it on its way: what is mounted where decides who waits for whom."""

    def __init__(self, lines: Iterable[FstabLine], file: str) -> None:
        self.file = file
        self.names: dict[int, str] = {}
        self.points: dict[str, FstabLine] = {}
        taken: set[str] = set()
        for line in lines:
            self.names[line.number] = _free(_name(line), taken)
            if line.kind != "swap":
                self.points.setdefault(line.point, line)

    def convert(self, line: FstabLine) -> list[Converted]:
        if line.kind == "swap":
            return [self._made(f"swap/{self.names[line.number]}", line, self._swap(line))]
        if _is_api(line.point):
            name = f"mount/{self.names[line.number]}"
            return [self._made(name, line, self._again(line))]
        made = []
        if _is_checked(line):
            name = f"fsck/{self.names[line.number]}"
            made.append(Converted(name, self._text(line, {"id": name, **_fsck(line)})))
        values = self._root(line) if line.point == "/" else self._mount(line)
        made.append(self._made(f"mount/{self.names[line.number]}", line, values))
        return made

    def _made(self, name: str, line: FstabLine, values: dict[str, Any]) -> Converted:
        rows = [self._row(line, one) for one in line.options]
        return Converted(name, self._text(line, {"id": name, **values}), rows=rows)

    def _text(self, line: FstabLine, values: dict[str, Any]) -> str:
        return f"# From {self.file}, line {line.number}\n{definition_text(values)}"

    def _row(self, line: FstabLine, option: str) -> Row:
        key, _, value = option.partition("=")
        what, why = _said(key, line)
        return Row(self.file, line.number, line.kind, key, value, what, why)

    # -- the kinds

    def _root(self, line: FstabLine) -> dict[str, Any]:
        values: dict[str, Any] = {
            "description": f"mounts {line.source} on / as fstab has it",
            **_work(["mount", "-o", "remount", "/"], "90s"),
            "enabled": False,
            "wanted_by": ["target/local-fs", _ABOVE["local-fs"]],
            "before": ["target/local-fs", "target/local-fs-pre", "target/unmount"],
        }
        return values

    def _again(self, line: FstabLine) -> dict[str, Any]:
        """One of those that are there before us: it gets fstab's options."""
        point = shlex.quote(line.point)
        return {
            "description": f"mounts {line.point} as fstab has it",
            **_work(_there_or(point, f"exec mount {point}", "exec mount -o remount"), "90s"),
            "enabled": False,
            **(
                {} if line.has("noauto") else {"wanted_by": ["target/local-fs", _ABOVE["local-fs"]]}
            ),
            "before": ["target/local-fs", "target/unmount"],
        }

    def _mount(self, line: FstabLine) -> dict[str, Any]:
        point = shlex.quote(line.point)
        kind = "remote-fs" if line.remote else "local-fs"
        late = line.has("late")
        make = "" if line.remote else f"[ -d {point} ] || mkdir -p {point}; "
        timeout = _span(line.option("x-systemd.mount-timeout") or "") or "90s"
        values: dict[str, Any] = {
            "description": f"mounts {line.source} on {line.point}",
            **_work(_there_or(point, f"{make}exec mount {point}"), timeout),
            "enabled": False,
            **({"after": ["target/local-fs"]} if late else {}),
            "before": ["target/unmount"],
        }
        if line.point not in _EARLY:  # what is written last lies there
            values["exec_stop"] = f"mountpoint -q {point} || exit 0; exec umount {point}"
        if not line.has("noauto"):
            values["wanted_by"] = [f"target/{kind}", _ABOVE[kind]]
            if not late and not line.has("nofail", "failok"):
                values["before"] += [f"target/{kind}"]
        self._relations(line, values)
        if line.remote:
            values["system_dependencies"] = ["NETWORK"]
        if _is_checked(line):
            values["wants"] = [f"fsck/{self.names[line.number]}"]
        values["dependency"] = list(self._needs(line))
        return values

    def _swap(self, line: FstabLine) -> dict[str, Any]:
        ours = {"defaults", "noauto", "nofail", "failok", "late", "sw", "_netdev"}
        given = [one for one in line.options if one not in ours and one[:2] != "x-"]
        words = ["-o", ",".join(given)] if given else []
        real = f'"$(readlink -f {shlex.quote(line.device or line.source)})"'
        on = f"cut -d' ' -f1 /proc/swaps | grep -qxFe {real}"
        values: dict[str, Any] = {
            "description": f"swaps to {line.source}",
            **_work(f"{on} && exit 0; exec {shlex.join(['swapon', *words, line.source])}", "90s"),
            "exec_stop": f"{on} || exit 0; exec {shlex.join(['swapoff', line.source])}",
            "enabled": False,
            "before": ["target/unmount"],
        }
        if not line.has("noauto"):
            values["wanted_by"] = ["target/swapauto", _ABOVE["swapauto"]]
            if not line.has("nofail", "failok"):
                values["before"] += ["target/swapauto"]
        self._relations(line, values)
        values["dependency"] = list(self._needs(line, swap=True))
        return values

    # -- what is waited for

    def _needs(self, line: FstabLine, swap: bool = False) -> Iterable[dict[str, Any]]:
        yield _begin(line)
        if line.device:
            yield _group("device", [f"file://{line.device}"])
        if not swap and _is_checked(line):
            yield _group("fsck", [f"fsck/{self.names[line.number]}"])
        paths = [] if swap else [os.path.dirname(line.point)]
        if line.source.startswith("/") and not line.device:  # a file, or what is bound
            paths.append(line.source)
        paths += line.values("x-systemd.requires-mounts-for")
        above = [self._above(path, line) for path in paths]
        names = [f"mount/{self.names[one.number]}" for one in above if one is not None]
        if names:
            yield _group("mounts", list(dict.fromkeys(names)))
        units = [native_name(one) for one in line.values("x-systemd.requires") if _is_unit(one)]
        if units:
            yield _group("requires", units)

    def _above(self, path: str, line: FstabLine) -> FstabLine | None:
        """The entry that a path lies in; not the root, which is always there."""
        while path not in ("/", ""):
            found = self.points.get(path)
            if found is not None and found is not line and not _is_api(found.point):
                return found
            path = os.path.dirname(path)
        return None

    def _relations(self, line: FstabLine, values: dict[str, Any]) -> None:
        for key, name in (("x-systemd.after", "after"), ("x-systemd.before", "before"),
                          ("x-systemd.requires", "after"), ("x-systemd.wanted-by", "wanted_by"),
                          ("x-systemd.required-by", "wanted_by")):  # fmt: skip
            units = [native_name(one) for one in line.values(key) if _is_unit(one)]
            if units:
                values[name] = list(dict.fromkeys([*values.get(name, []), *units]))


def _said(key: str, line: FstabLine) -> Says:
    """What becomes of an option."""
    exact: dict[str, Says] = {
        "noauto": (TAKEN, "nothing wants it; stoker start mounts it"),
        "nofail": (TAKEN, "nothing waits for it"),
        "failok": (TAKEN, "as nofail"),
        "late": (TAKEN, "after all local mounts"),
        "_netdev": (TAKEN, "after the network, before target/remote-fs"),
        "x-systemd.automount": (APPROXIMATED, "mounted at boot, not when it is first used"),
        "x-systemd.device-timeout": (
            IGNORED,
            "it waits for its device as long as that takes, and only who needs it waits too",
        ),
        "x-systemd.idle-timeout": (IGNORED, "it stays mounted"),
        "x-systemd.makefs": (IGNORED, "make the file system yourself: mkfs"),
        "x-systemd.growfs": (IGNORED, "grow the file system yourself: resize2fs"),
        "x-systemd.required-by": (APPROXIMATED, "as wanted-by"),
        "gbde": (IGNORED, "only BSD has it"),
        "geli": (IGNORED, "only BSD has it"),
    }
    if key in exact:
        return exact[key]
    taken = ("requires", "after", "before", "requires-mounts-for", "mount-timeout", "wanted-by")
    if key.removeprefix("x-systemd.") in taken and key.startswith("x-systemd."):
        others = [one for one in line.values(key) if not _fits(key, one)]
        if others:
            what = "span of time" if key == "x-systemd.mount-timeout" else "service and no target"
            return APPROXIMATED, f"without {' '.join(others)}: no {what}"
        return TAKEN, ""
    if key.startswith("x-systemd."):
        return IGNORED, "not known here"
    if _is_api(line.point) and line.kind != "swap":
        return TAKEN, f"by mounting it again: {_ALREADY}"
    return TAKEN, ""


def _fits(key: str, value: str) -> bool:
    if key == "x-systemd.mount-timeout":
        return bool(_span(value))
    return key == "x-systemd.requires-mounts-for" or _is_unit(value)


def _is_checked(line: FstabLine) -> bool:
    nothing = line.kind.partition(".")[0] in _UNCHECKED or line.has("bind", "rbind")
    return line.check > 0 and not nothing and bool(line.device) and line.point != "/"


def _fsck(line: FstabLine) -> dict[str, Any]:
    # fsck(8): 1 is mended; with 2 the machine is to begin again; from 4 on a person is needed.
    command = (
        f"mountpoint -q {shlex.quote(line.point)} && exit 0; "
        "grep -qw fsck.mode=skip /proc/cmdline && exit 0; "
        f"fsck -a -T {shlex.quote(line.source)}; status=$?; "
        "[ $status -le 1 ] && exit 0; [ $((status & 2)) = 0 ] || reboot; exit $status"
    )
    return {
        "description": f"checks {line.source}",
        **_work(command, "never"),
        "enabled": False,
        "dependency": [_begin(line), _group("device", [f"file://{line.device}"])],
    }


def _work(command: list[str] | str, timeout: str) -> dict[str, Any]:
    """Something that is done once; when it fails, a person is told and not the machine tried."""
    return {
        "model": "transient",
        "exec_start": command,
        "start_timeout": timeout,
        "ready": {"exit": True},
        "restart": {"when": "on-failure", "limit": 0},
    }


def _there_or(point: str, command: str, again: str = "") -> str:
    """Mount what is not mounted."""
    return f"mountpoint -q {point} && {f'{again} {point}' if again else 'exit 0'}; {command}"


def _begin(line: FstabLine) -> dict[str, Any]:
    """What is done before any file system is looked at: device nodes, for one."""
    kind = "remote-fs" if line.remote and line.kind != "swap" else "local-fs"
    return {"name": "begin", "targets": [f"target/{kind}-pre"]}


def _group(name: str, targets: list[str]) -> dict[str, Any]:
    return {"name": name, "targets": targets, "restart_on": "restart"}


def _name(line: FstabLine) -> str:
    path = line.source.replace("=", "-") if line.kind == "swap" else line.point
    if path == "/":
        path = "rootfs"
    parts = [_SAFE.sub("_", part) for part in path.split("/") if part]
    return "/".join(parts) or "_"


def _free(name: str, taken: set[str]) -> str:
    """A name that none has yet."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}+{number}"
    taken.add(free)
    return free


def _is_api(point: str) -> bool:
    return any(point == one or point.startswith(f"{one}/") for one in _API)


def _is_unit(name: str) -> bool:
    return name.endswith((".service", ".target"))


def _plain(text: str) -> str:
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), text)


def _as_udev(value: str) -> str:
    """A label as udev writes it into a file name: what is unusual as \\xNN."""
    safe: Collection[str] = "#+-.:=@_"
    return "".join(
        one if one.isalnum() or one in safe or ord(one) > 127 else f"\\x{ord(one):02x}"
        for one in value
    )


def _span(text: str) -> str:
    """systemd's span of time as ours; "" when it is none."""
    if text == "infinity":
        return "never"
    try:
        seconds = span(text)
    except Failed:
        return ""
    return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s" if seconds else "never"
