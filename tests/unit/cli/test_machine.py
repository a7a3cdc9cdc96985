"""`stoker system install --root DIR`: all or nothing, twice as once, and away again."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from stoker import system
from stoker.cli.call import Call
from stoker.cli.commands.check import look_over
from stoker.cli.machine import LIST, File, Placing, contents, is_machine
from stoker.cli.table import verb_named
from stoker.errors import Failed
from stoker.formats import compile_place
from stoker.model import project_place, system_place

PYTHON = f"python{sys.version_info[0]}.{sys.version_info[1]}"
TOOLS = (
    *("usr/sbin/agetty", "usr/sbin/ip", "usr/sbin/ifup", "usr/sbin/hwclock", "usr/sbin/modprobe"),
    *("usr/sbin/sysctl", "usr/bin/udevadm", "usr/bin/systemd-tmpfiles"),
    "usr/lib/systemd/systemd-udevd",
)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file system as Debian's are: /sbin and its like are links into /usr."""
    # Of the packages only the smallest: there are hundreds of files in the others.
    monkeypatch.setattr(sys.modules["stoker.cli.machine.belonging"], "_COPIED", ("h11",))
    root = tmp_path / "root"
    for name in ("bin", "sbin", "lib"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    for name in (f"usr/bin/{PYTHON}", *TOOLS):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch(0o755)
    (root / "etc").mkdir()
    (root / "etc/fstab").write_text("/dev/a / ext4 defaults 0 1\n/dev/b /srv ext4 defaults 0 2\n")
    return root


def tree(root: Path) -> dict[str, str]:
    """All that is there: path to content, or where a link leads."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in [*files, *folders]:
            path = Path(folder, name)
            if path.is_symlink():
                found[str(path.relative_to(root))] = f"→ {os.readlink(path)}"
            elif path.is_file():
                found[str(path.relative_to(root))] = path.read_bytes().hex()
    return found


def install(root: Path, dry: bool = False) -> dict[str, str]:
    """Install; what was done to each path."""
    placing = Placing(str(root))
    return {act.path: act.kind for act in placing.install(contents(placing).files, dry=dry)}


def test_everything_is_there_and_is_told(root: Path) -> None:
    acts = install(root)
    there = tree(root)
    assert there["usr/sbin/init"] == "→ /usr/lib/stoker/init"
    assert there["usr/sbin/poweroff"] == "→ /usr/bin/stoker"
    assert os.access(root / "usr/lib/stoker/init", os.X_OK)
    assert "usr/lib/stoker/python/h11/__init__.py" in there
    for name in ("boot-udev", "boot-tmpfiles", "boot-network", "getty"):
        assert acts[f"/usr/lib/stoker/services/{name}.toml"] == "write"
    assert acts["/etc/stoker/services/mount-srv.toml"] == "write"
    told = {path.lstrip("/") for path, kind in acts.items() if kind in ("write", "link")}
    assert told - set(there) == set()


def test_what_lacks_its_program_is_left_out_and_that_is_said(root: Path) -> None:
    (root / "usr/sbin/ifup").unlink()
    (root / "usr/sbin/rsyslogd").touch()
    found = contents(Placing(str(root)))
    paths = {one.path for one in found.files}
    assert "/usr/lib/stoker/services/boot-network.toml" not in paths
    assert "/usr/lib/stoker/services/log-syslog.toml" not in paths
    assert any("boot-network" in note and "/sbin/ifup" in note for note in found.notes)
    assert any("log-syslog" in note and "rsyslogd" in note for note in found.notes)


def test_the_shipped_services_are_good_definitions(root: Path) -> None:
    install(root)
    place = project_place(str(root / "usr/lib/stoker/services"), {}, 0)
    place.directories.append(str(root / "etc/stoker/services"))
    compiled = compile_place(place)
    assert [one for one in compiled.mistakes if one.level == "error"] == []
    names = {one.fmri for one in compiled.definitions}
    assert {"svc:/boot/udev:default", "svc:/getty:console", "svc:/mount/srv:default"} <= names


def test_a_machine_is_known_by_its_manager_or_by_its_init(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runtime = Path(tempfile.mkdtemp(prefix="stk"))  # tmp_path may be too long for a socket
    place = system_place({}, 0, runtime=str(runtime))
    init = str(root / "usr/lib/stoker/init")
    assert not is_machine(place, init)
    install(root)
    assert is_machine(place, init)
    assert not is_machine(project_place(str(root), {}, 0), init)
    # With its targets every shipped service finds what it names.
    place.machine = True
    place.directories = [f"{root}/etc/stoker/services", f"{root}/usr/lib/stoker/services"]
    assert [one.message for one in compile_place(place).mistakes if "target/" in one.message] == []
    # What its targets bring along is in the order, and nothing of it is said not to be enabled.
    check = verb_named("check")
    assert check is not None
    assert look_over(Call(check, {"dir": None}, {}), place) == 0
    order, _, rest = capsys.readouterr().out.partition("not enabled: ")
    assert re.search(r"\d+\. .*mount/srv.*\n(.*\n)+ +\d+\. .*getty:console", order)
    assert "mount/srv" not in rest
    # A manager that is up, as another init's service, knows better.
    place.machine = False
    Path(place.file).write_text(place.to_json())
    assert not is_machine(place, init)
    place.machine = True
    Path(place.file).write_text(place.to_json())
    assert is_machine(place, str(tmp_path / "none"))
    shutil.rmtree(runtime)


def test_only_logins_and_networks_come_up_by_themselves(root: Path) -> None:
    install(root)
    place = project_place(str(root / "usr/lib/stoker/services"), {}, 0)
    own = [one for one in compile_place(place).definitions if not one.gives]
    enabled = {one.fmri for one in own if one.enabled}
    assert enabled == {"svc:/getty:console", "svc:/boot/network:default"}
    wanted = {one.fmri for one in own if one.wanted_by}
    assert "svc:/boot/udev:default" in wanted


def test_twice_is_as_once(root: Path) -> None:
    install(root)
    before = tree(root)
    assert set(install(root).values()) == {"none"}
    assert tree(root) == before


def test_the_installed_one_leaves_itself_where_it_is(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a machine calls it after a change of its fstab."""
    install(root)
    before = tree(root)
    part, there = sys.modules["stoker.cli.machine.belonging"], root / "usr/lib/stoker/python"
    monkeypatch.setattr(part, "_home", lambda name: str(there / name))
    monkeypatch.setattr(sys, "executable", str(root / "usr/bin" / PYTHON))
    folder = there / "stoker/system/debian"
    folder.mkdir(parents=True)
    shutil.copy(Path(system.__file__).parent / "debian/getty.toml", folder)
    with (root / "etc/fstab").open("a") as file:
        file.write("/dev/c /more ext4\n")
    acts = install(root)
    assert acts["/usr/lib/stoker/python/h11/__init__.py"] == "none"
    assert acts["/etc/stoker/services/mount-more.toml"] == "write"
    kept = {path for path in before if "stoker/python/" in path}
    assert kept <= set(tree(root))


def test_nothing_of_ours_is_compiled_at_a_boot(root: Path) -> None:
    install(root)
    home = root / "usr/lib/stoker/python"
    kept = {path: path.read_bytes() for path in home.glob("**/*.pyc")}
    assert len(kept) == len(list(home.glob("**/*.py")))
    os.utime(home / "h11/_events.py", (0, 0))  # as in a copy of the root
    code = "import sys; sys.path.insert(0, sys.argv[1]); import h11; print(h11.__file__)"
    done = subprocess.run(
        [sys.executable, "-ISv", "-c", code, home], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(str(home))
    ours = [line for line in done.stderr.splitlines() if "# code object from" in line]
    ours = [line for line in ours if str(home) in line]
    assert ours and all(".pyc" in line for line in ours)
    assert {path: path.read_bytes() for path in home.glob("**/*.pyc")} == kept
    # What has changed is compiled again.
    (home / "h11/_version.py").write_text('__version__ = "another"\n')
    code = "import sys; sys.path.insert(0, sys.argv[1]); import h11; print(h11.__version__)"
    done = subprocess.run(
        [sys.executable, "-IS", "-c", code, home], capture_output=True, text=True, check=True
    )
    assert done.stdout == "another\n"


def test_a_dry_run_says_the_same_and_does_nothing(root: Path) -> None:
    before = tree(root)
    dry = install(root, dry=True)
    assert tree(root) == before
    assert install(root) == dry


def test_away_again(root: Path) -> None:
    before = tree(root)
    install(root)
    acts = Placing(str(root)).uninstall()
    assert {act.kind for act in acts} == {"remove"}
    assert tree(root) == before
    assert Placing(str(root)).uninstall() == []


def test_what_was_changed_since_is_kept(root: Path) -> None:
    install(root)
    changed = root / "usr/lib/stoker/services/getty.toml"
    changed.write_text("# mine\n")
    assert install(root)["/usr/lib/stoker/services/getty.toml"] == "kept"
    acts = {act.path: act.kind for act in Placing(str(root)).uninstall()}
    assert acts["/usr/lib/stoker/services/getty.toml"] == "kept"
    assert changed.read_text() == "# mine\n"


def test_what_no_longer_belongs_there_goes(root: Path) -> None:
    install(root)
    (root / "etc/fstab").write_text("/dev/a / ext4 defaults 0 1\n")
    assert install(root)["/etc/stoker/services/mount-srv.toml"] == "remove"
    assert not (root / "etc/stoker/services/mount-srv.toml").exists()


def test_another_init_is_left(root: Path) -> None:
    (root / "usr/sbin/init").symlink_to("/lib/systemd/systemd")
    assert install(root)["/usr/sbin/init"] == "kept"
    assert os.readlink(root / "usr/sbin/init") == "/lib/systemd/systemd"
    Placing(str(root)).uninstall()
    assert os.readlink(root / "usr/sbin/init") == "/lib/systemd/systemd"


def test_a_definition_that_is_not_ours_keeps_all_from_being_done(root: Path) -> None:
    there = root / "etc/stoker/services/mount-srv.toml"
    there.parent.mkdir(parents=True)
    there.write_text("exec_start = 'mine'\n")
    before = tree(root)
    with pytest.raises(Failed, match="not put there by stoker"):
        install(root)
    assert tree(root) == before


def test_what_cannot_be_written_keeps_all_from_being_done(root: Path) -> None:
    (root / "etc/stoker").touch()  # where a directory is to be
    before = tree(root)
    with pytest.raises(Failed):
        install(root)
    assert tree(root) == before


def test_a_link_in_the_root_does_not_lead_out_of_it(tmp_path: Path, root: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / "opt").symlink_to(outside)  # as the root itself sees it: a path below the root
    (root / "srv").symlink_to("../../../outside")
    placing = Placing(str(root))
    placing.install([File("/opt/x", b"x"), File("/srv/y", b"y")])
    assert list(outside.iterdir()) == []
    assert Path(str(root) + str(outside), "x").read_bytes() == b"x"
    assert (root / "outside/y").read_bytes() == b"y"


def test_a_root_without_our_python_is_refused(root: Path) -> None:
    (root / f"usr/bin/{PYTHON}").unlink()
    with pytest.raises(Failed, match=PYTHON):
        install(root)


def test_a_damaged_list_is_told(root: Path) -> None:
    install(root)
    (root / LIST.lstrip("/")).write_text("{")
    with pytest.raises(Failed, match="cannot be read"):
        Placing(str(root))


def test_the_command(root: Path) -> None:
    def stoker(*words: str) -> subprocess.CompletedProcess[str]:
        code = "import sys; from stoker.cli import main; sys.exit(main())"
        argv = [sys.executable, "-c", code, "system", *words]
        return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)

    done = stoker("install", "--root", str(root), "--json")
    assert done.returncode == 0, done.stderr
    assert (root / "usr/lib/stoker/python/stoker/keeper.py").is_file()
    told = json.loads(done.stdout)
    assert {"do": "link", "path": "/usr/sbin/init", "why": None} in told["acts"]
    text = stoker("install", "--root", str(root))
    assert "as it is  /usr/lib/stoker/init" in text.stdout
    assert stoker("uninstall", "--root", str(root)).returncode == 0
    assert not (root / "usr/lib/stoker").exists()
    assert stoker("sleep", "--root", str(root)).returncode == 2
    assert stoker("install", "--root", str(root / "nothing")).returncode == 2
