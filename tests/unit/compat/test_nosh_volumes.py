"""Bundles of what fstab has, and what fstab and ttys say of presets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stoker.compat import run
from stoker.compat.nosh import volumes
from stoker.compat.nosh.bundles import Bundle
from stoker.compat.nosh.enabling import Presets

FSTAB = """\
# a comment
UUID=1 / ext4 errors=remount-ro 0 1
/dev/sdb1 /srv/data\\040here ext4 nofail,noatime 0 2
files:/x /srv/net nfs ro,noauto 0 0
/dev/sda2 none swap sw,pri=5,discard 0 0
/dev/sda3 none swap late 0 0
proc /proc proc defaults 0 0
"""
TARGETS = "/etc/service-bundles/targets"


@pytest.fixture
def fstab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "fstab"
    path.write_text(FSTAB)
    monkeypatch.setattr(volumes, "FSTAB", str(path))
    return path


def control(*words: object) -> int:
    return run("system-control", [str(word) for word in words])


def links(bundle: Path) -> dict[str, dict[str, str]]:
    """What it is related to: {relation: {name: where it leads}}."""
    found = {}
    for folder in sorted(bundle.iterdir()):
        if folder.is_dir() and not folder.is_symlink() and folder.name != "service":
            found[folder.name] = {one.name: os.readlink(one) for one in folder.iterdir()}
    return found


def program(bundle: Path, name: str) -> str:
    path = bundle / "service" / name
    assert os.access(path, os.X_OK)
    head, body = path.read_text().splitlines()
    assert head == "#!/bin/sh"
    return body


def test_a_bundle_for_every_entry(fstab: Path, tmp_path: Path) -> None:
    root = tmp_path / "services"
    assert control("convert-fstab-services", "--bundle-root", root) == 0
    assert sorted(one.name for one in root.iterdir()) == [
        "fsck@-", "fsck@-srv-data\\x20here", "mount@-", "mount@-proc",
        "mount@-srv-data\\x20here", "mount@-srv-net", "swap@-dev-sda2", "swap@-dev-sda3",
    ]  # fmt: skip
    data = root / "mount@-srv-data\\x20here"
    assert program(data, "start") == "exec mount -t ext4 -o noatime /dev/sdb1 '/srv/data here'"
    assert program(data, "stop") == "exec umount '/srv/data here'"
    assert (data / "service" / "remain").exists()
    assert os.readlink(data / "supervise") == f"/run/service-bundles/early-supervise/{data.name}"
    assert links(data) == {
        "wanted-by": {"local-fs": f"{TARGETS}/local-fs"},
        "before": {name: f"{TARGETS}/{name}" for name in ("local-fs", "shutdown")},
        "after": {
            "local-fs-pre": f"{TARGETS}/local-fs-pre",
            "mount@-srv": "../../mount@-srv",
            "mount@-": "../../mount@-",
        },
        "stopped-by": {"unmount": f"{TARGETS}/unmount"},
    }
    check = links(root / "fsck@-srv-data\\x20here")
    assert check["wanted-by"] == {data.name: f"../../{data.name}"}
    assert set(check["before"]) == {"shutdown", data.name}
    assert "swapauto" in check["after"]
    net = links(root / "mount@-srv-net")
    assert set(net["wanted-by"]) == {"remote-fs"}
    assert {"remote-fs-pre", "fs-servers"} <= set(net["after"])
    assert "-o ro " in program(root / "mount@-srv-net", "start")


def test_the_root_and_what_is_there_before_are_mounted_again(fstab: Path, tmp_path: Path) -> None:
    assert control("convert-fstab-services", "--bundle-root", tmp_path) == 0
    root, proc = tmp_path / "mount@-", tmp_path / "mount@-proc"
    assert program(root, "start").endswith("-o errors=remount-ro,remount UUID=1 /")
    assert program(root, "stop") == "exec mount -o remount,ro /"
    assert "stopped-by" not in links(root)
    assert program(proc, "stop") == "exec mount -o remount /proc"


def test_swap(fstab: Path, tmp_path: Path) -> None:
    assert control("convert-fstab-services", "--bundle-root", tmp_path, "--etc-bundle") == 0
    early, late = tmp_path / "swap@-dev-sda2", tmp_path / "swap@-dev-sda3"
    assert program(early, "start") == "exec swapon --discard --priority 5 /dev/sda2"
    assert program(early, "stop") == "exec swapoff /dev/sda2"
    assert links(early)["wanted-by"] == {"swapauto": "../../../targets/swapauto"}
    assert set(links(late)["wanted-by"]) == {"swaplate"}


def test_one_volume_and_nothing_is_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["write-volume-service-bundles", "--bundle-root", tmp_path, "--mount-options",
             "ro,_netdev", "--want-fsck"]  # fmt: skip
    assert control(*words, "ext4", "/dev/x", "/mnt") == 0
    assert set(links(tmp_path / "mount@-mnt")["wanted-by"]) == {"remote-fs"}
    assert (tmp_path / "fsck@-mnt").is_dir()
    assert control(*words, "ext4", "/dev/x", "/mnt") == 1
    assert "mount@-mnt" in capsys.readouterr().err
    assert control(*words, "--overwrite", "ext4", "/dev/y", "/mnt") == 0
    assert program(tmp_path / "mount@-mnt", "start").endswith("-o ro /dev/y /mnt")
    assert control("write-volume-service-bundles", "ext4") == 1


def test_what_fstab_has_where(fstab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert control("get-mount-what", "/srv/data here") == 0
    assert control("get-mount-where", "files:/x") == 0
    assert capsys.readouterr().out == "/dev/sdb1\n/srv/net\n"
    assert control("get-mount-what", "/nowhere") == 1
    assert control("get-mount-where", "/dev/sda2") == 1  # swap is mounted nowhere
    fstab.unlink()
    assert control("get-mount-what", "/") == 1


def test_presets_of_fstab_and_ttys(fstab: Path, tmp_path: Path) -> None:
    presets = Presets(True, {"HOME": str(tmp_path)})
    presets.ttys = str(tmp_path / "ttys")
    (tmp_path / "ttys").write_text(
        '# terminals\nttyv0 "/usr/libexec/getty Pc" xterm on secure\nttyu0 none dialup off\n'
    )

    def decide(name: str, prefix: str, **asked: bool) -> bool:
        one = Bundle(str(tmp_path / name))
        return presets.decide(one, prefix=prefix, files=False, rc=False, **asked)

    assert decide("mount@-srv-net", "mount@", fstab=True) is False
    assert decide("mount@-srv-data\\x20here", "mount@", fstab=True) is True
    assert decide("swap@-dev-sda2", "swap@", fstab=True) is True
    assert decide("mount@-else", "mount@", fstab=True) is False
    assert decide("getty@ttyv0", "getty@", ttys=True) is True
    assert decide("getty@ttyu0", "getty@", ttys=True) is False
    assert decide("getty@ttyv9", "getty@", ttys=True) is False
    assert decide("mount@-else", "mount@") is True
