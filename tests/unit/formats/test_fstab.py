"""fstab(5) becomes services: what each waits for, what waits for it, what becomes of options."""

from __future__ import annotations

import os
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from stoker.formats import compile_place, convert_fstab
from stoker.model import project_place

DISKS = """\
# <file system> <mount point> <type> <options> <dump> <pass>
UUID=0a-1b  /          ext4   errors=remount-ro  0 1
/dev/sda1   /boot      ext4   defaults           0 2
LABEL=my\\040data /srv/my\\040data ext4 nofail   0 2
UUID=5w     none       swap   sw                 0 0
/swapfile   none       swap   pri=3              0 0
/srv/my\\040data/home /home none bind            0 0
nas:/x      /mnt/nas   nfs    x-systemd.automount,x-systemd.requires=vpn.service 0 0
/dev/sdb1   /mnt/b     xfs    noauto,user        0 2
proc        /proc      proc   hidepid=2
"""


def converted(text: str) -> dict[str, dict[str, Any]]:
    """The definitions by name, as data."""
    found = {one.name: tomllib.loads(one.text) for one in convert_fstab(text) if one.text}
    assert all(values["id"] == name for name, values in found.items())
    return found


def groups(values: dict[str, Any]) -> dict[str, list[str]]:
    found = {one["name"]: one["targets"] for one in values.get("dependency", [])}
    assert found.pop("begin") in (["target/local-fs-pre"], ["target/remote-fs-pre"])
    return found


def test_a_mount_a_check_and_swap_each_become_a_service() -> None:
    assert list(converted(DISKS)) == [
        "mount/rootfs",
        "fsck/boot",
        "mount/boot",
        "fsck/srv/my_data",
        "mount/srv/my_data",
        "swap/UUID-5w",
        "swap/swapfile",
        "mount/home",
        "mount/mnt/nas",
        "fsck/mnt/b",
        "mount/mnt/b",
        "mount/proc",
    ]


def test_all_of_them_are_good_definitions(tmp_path: Path) -> None:
    for number, one in enumerate(convert_fstab(DISKS)):
        (tmp_path / f"{number}.toml").write_text(one.text)
    compiled = compile_place(project_place(str(tmp_path), {}, 0))
    # The targets and vpn are defined elsewhere; nothing else is wrong.
    wrong = [one for one in compiled.mistakes if one.level == "error"]
    assert wrong == []
    assert "svc:/mount/srv/my_data:default" in {one.fmri for one in compiled.definitions}


def test_what_a_mount_waits_for() -> None:
    found = converted(DISKS)
    assert groups(found["mount/boot"]) == {"device": ["file:///dev/sda1"], "fsck": ["fsck/boot"]}
    assert groups(found["fsck/boot"]) == {"device": ["file:///dev/sda1"]}
    # udev writes a label with what is unusual as \xNN
    assert groups(found["mount/srv/my_data"])["device"] == ["file:///dev/disk/by-label/my\\x20data"]
    assert groups(found["mount/home"]) == {"mounts": ["mount/srv/my_data"]}
    assert groups(found["mount/mnt/nas"]) == {"requires": ["vpn"]}
    assert found["mount/mnt/nas"]["system_dependencies"] == ["NETWORK"]


def test_what_waits_for_a_mount() -> None:
    found = converted(DISKS)
    for name, target in (("mount/boot", "local-fs"), ("mount/mnt/nas", "remote-fs")):
        assert f"target/{target}" in found[name]["wanted_by"]
        assert set(found[name]["before"]) == {f"target/{target}", "target/unmount"}
        begin = [one["targets"] for one in found[name]["dependency"] if one["name"] == "begin"]
        assert begin == [[f"target/{target}-pre"]]
    assert found["mount/srv/my_data"]["wanted_by"] == ["target/local-fs", "target/sysinit"]
    assert found["mount/srv/my_data"]["before"] == ["target/unmount"]  # nofail
    assert set(found["swap/swapfile"]["before"]) == {"target/swapauto", "target/unmount"}


@pytest.mark.parametrize(
    ("swaps", "started", "stopped"),
    [("", "swapon -o pri=3 FILE\n", ""), ("FILE file 16380 0 3\n", "", "swapoff FILE\n"),
     ("FILE2 file 16380 0 3\n", "swapon -o pri=3 FILE\n", "")],
)  # fmt: skip
def test_swap_is_begun_and_ended_once(
    tmp_path: Path, swaps: str, started: str, stopped: str
) -> None:
    """swapon(8) and swapoff(8) fail where there is nothing to be done."""
    real, link, table = tmp_path / "real", tmp_path / "a link", tmp_path / "swaps"
    real.write_text("")
    link.symlink_to(real)
    table.write_text(f"Filename Type Size Used Priority\n{swaps.replace('FILE', str(real))}")
    for name in ("swapon", "swapoff"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\necho {name} "$@"\n')
        program.chmod(0o755)
    line = str(link).replace(" ", "\\040") + " none swap sw,pri=3 0 0\n"
    ((_, swap),) = converted(line).items()
    for key, said in (("exec_start", started), ("exec_stop", stopped)):
        done = subprocess.run(
            ["/bin/sh", "-c", swap[key].replace("/proc/swaps", shlex.quote(str(table)))],
            env={**os.environ, "PATH": f"{tmp_path}/bin:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, said.replace("FILE", str(link))), done.stderr


def test_noauto_is_there_for_who_starts_it_and_brings_its_check_along() -> None:
    found = converted(DISKS)
    mount = found["mount/mnt/b"]
    assert mount["wants"] == ["fsck/mnt/b"]
    assert "wanted_by" not in mount


def test_nothing_comes_up_by_itself_in_a_mode_without_targets() -> None:
    assert {one.get("enabled") for one in converted(DISKS).values()} == {False}


def test_the_root_gets_its_options_and_what_is_there_before_us_is_mounted_again() -> None:
    found = converted(DISKS)
    assert found["mount/rootfs"]["exec_start"] == ["mount", "-o", "remount", "/"]
    assert "exec_stop" not in found["mount/rootfs"]
    assert "remount" in found["mount/proc"]["exec_start"]
    assert "exec_stop" not in found["mount/proc"]


def test_the_mount_above_may_be_several_steps_up() -> None:
    found = converted("/dev/a /a ext4\n/dev/b /a/b/c ext4\n/a/b/c/d/file /x ext4 loop\n")
    assert groups(found["mount/a/b/c"])["mounts"] == ["mount/a"]
    assert groups(found["mount/x"])["mounts"] == ["mount/a/b/c"]


@pytest.mark.parametrize(
    ("option", "what"),
    [
        ("noatime", "taken"),
        ("_netdev", "taken"),
        ("failok", "taken"),
        ("x-systemd.mount-timeout=30", "taken"),
        ("x-systemd.automount", "approximated"),
        ("x-systemd.requires=dev-sda.device", "approximated"),
        ("x-systemd.device-timeout=5", "ignored"),
        ("x-systemd.growfs", "ignored"),
        ("x-systemd.something", "ignored"),
        ("geli", "ignored"),
    ],
)
def test_the_report_says_what_becomes_of_an_option(option: str, what: str) -> None:
    (made,) = convert_fstab(f"/dev/a /a ext4 {option}\n", "/tmp/fstab")
    (row,) = made.rows
    assert (row.what, row.file, row.line) == (what, "/tmp/fstab", 1)
    assert row.why or what == "taken"


def test_systemds_options_become_relations() -> None:
    options = (
        "x-systemd.after=a.service,x-systemd.before=b.service,x-systemd.requires=c.target,"
        "x-systemd.requires-mounts-for=/srv/deep/er,x-systemd.mount-timeout=30"
    )
    found = converted(f"/dev/s /srv/deep ext4\nx /x tmpfs {options}\n")["mount/x"]
    assert found["after"] == ["a", "target/c"]
    assert found["before"] == ["target/unmount", "target/local-fs", "b"]
    assert groups(found) == {"mounts": ["mount/srv/deep"], "requires": ["target/c"]}
    assert found["start_timeout"] == "30s"


@pytest.mark.parametrize(
    ("given", "timeout"),
    [("2min\\04030s", "150s"), ("infinity", "never"), ("0", "never"), ("250ms", "0.25s"),
     ("soon", "90s"), ("1.2.3s", "90s"), ("", "90s")],
)  # fmt: skip
def test_how_long_a_mount_may_take_is_said_in_systemds_words(
    tmp_path: Path, given: str, timeout: str
) -> None:
    (one,) = convert_fstab(f"x /x tmpfs x-systemd.mount-timeout={given}\n")
    assert tomllib.loads(one.text)["start_timeout"] == timeout
    assert one.rows[0].what == ("approximated" if timeout == "90s" else "taken")
    folder = tmp_path / "services"
    folder.mkdir()
    (folder / "x.toml").write_text(one.text)
    compiled = compile_place(project_place(str(folder), {}, 0))
    assert [mistake.message for mistake in compiled.mistakes if mistake.level == "error"] == []


def test_late_comes_after_all_local_mounts() -> None:
    found = converted("/dev/a /a ext4 late\n")["mount/a"]
    assert "target/local-fs" in found["after"]
    assert "target/local-fs" not in found["before"]


def test_lines_that_are_wrong_are_told_and_the_others_are_taken() -> None:
    made = convert_fstab("broken\n/dev/a rel ext4\n/dev/b /b ext4 defaults 0 x\n"
                         "/dev/b /b ext4 defaults 0 \u00b2\n/dev/c /c ext4\n")  # fmt: skip
    assert [one.name for one in made] == ["line 1", "line 2", "line 3", "line 4", "mount/c"]
    assert all(one.why and not one.text for one in made[:4])


def test_two_points_whose_names_are_one_stay_two() -> None:
    assert list(converted("/dev/a /a\\040b ext4\n/dev/b /a_b ext4\n")) == [
        "mount/a_b",
        "mount/a_b+2",
    ]


def test_nothing_in_a_field_is_read_by_the_shell(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    field = f"/$(touch\\040{mark})';`touch\\040{mark}`"
    for one in converted(f"/dev/a {field} ext4 defaults 0 2\n").values():
        commands = [one["exec_start"], one.get("exec_stop", "true")]
        for text in commands:
            script = f"mount() {{ :; }}; umount() {{ :; }}; fsck() {{ :; }}; PATH=; {text}"
            subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=False)
    assert not mark.exists()
