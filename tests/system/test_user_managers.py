"""A user's manager under the machine's: by lingering, and from the first login to the last."""

from __future__ import annotations

from pathlib import Path

from container import Container, container

__all__ = ["container"]

ADA = "ada:x:4321:4321:Ada:/home/ada:/bin/sh"
AS_ADA = (
    "setpriv --reuid 4321 --regid 4321 --clear-groups env -i PATH=$PATH HOME=/home/ada "
    "XDG_RUNTIME_DIR=/run/user/4321 stoker --user"
)
SCRIPT = """
set -e
chown -R 4321:4321 /home/ada
stoker -C /place up -d >/dev/null
{body}
stoker -C /place down >/dev/null
"""
PAM = "PAM_USER=ada PAM_TYPE={}_session stoker -C /place user session"


def run(container: Container, tmp_path: Path, *lines: str) -> list[str]:
    """The lines of a script in a container in which ada has a service `me`."""
    (tmp_path / "place").mkdir()
    (tmp_path / "place/other").write_text("#!/bin/sh\nexec sleep infinity\n")
    (tmp_path / "place/other").chmod(0o755)
    services = tmp_path / "home/.config/stoker/services"
    services.mkdir(parents=True)
    (services / "me.toml").write_text(
        'exec_start = "id -un >$HOME/me; echo $HOME $XDG_RUNTIME_DIR $PWD >>$HOME/me; '
        'echo >&3; exec sleep infinity"\nready.fd = 3\n'
    )
    passwd = tmp_path / "passwd"
    passwd.write_text(f"root:x:0:0:root:/root:/bin/sh\n{ADA}\n")
    container.files["/etc/passwd"] = str(passwd)
    container.copy |= {"/place": str(tmp_path / "place"), "/home/ada": str(tmp_path / "home")}
    container.uid, container.read_only = 0, False
    done = container.run("sh", "-c", SCRIPT.replace("{body}", "\n".join(lines)))
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout.splitlines()


def test_one_who_lingers_has_his_services_from_boot_on(
    container: Container, tmp_path: Path
) -> None:
    lines = run(
        container,
        tmp_path,
        "stoker -C /place user linger ada",
        "stoker -C /place wait --timeout 60s user:ada",
        f"{AS_ADA} wait --timeout 60s me",
        f"{AS_ADA} ls | grep -w me",
        "cat /home/ada/me",
        "stoker -C /place down >/dev/null",
        f"{AS_ADA} ls 2>/dev/null || echo $?",
        "stoker -C /place up -d >/dev/null",
        f"{AS_ADA} wait --timeout 60s me",
        "stoker -C /place user unlinger ada",
        "stoker -C /place wait --timeout 60s --for down user:ada",
        f"{AS_ADA} ls 2>/dev/null || echo $?",
    )
    assert ["online", "me"] in [line.split()[:2] for line in lines], lines
    assert "ada" in lines
    assert "/home/ada /run/user/4321 /home/ada" in lines
    assert lines.count("3") == 2, lines
    assert "ada: services run from boot on (/place/user@ada.toml)" in lines


def test_from_the_first_login_to_the_last(container: Container, tmp_path: Path) -> None:
    opens, closes = PAM.format("open"), PAM.format("close")
    up = "stoker -C /place ls user:ada | grep -o 'online\\|disabled\\|offline' | head -1"
    lines = run(
        container,
        tmp_path,
        opens,
        "stoker -C /place wait --timeout 60s user:ada",
        f"{AS_ADA} wait --timeout 60s me",
        opens,
        closes,
        up,
        closes,
        "stoker -C /place wait --timeout 60s --for down user:ada",
        up,
        f"{AS_ADA} ls 2>/dev/null || echo $?",
    )
    states = [line for line in lines if line in ("online", "offline", "disabled", "3")]
    assert states == ["online", "disabled", "3"], lines


def test_a_definition_that_is_not_ours_is_left_alone(container: Container, tmp_path: Path) -> None:
    lines = run(
        container,
        tmp_path,
        "echo '# mine' > /place/user@ada.toml",
        "stoker -C /place user linger ada 2>&1 || echo $?",
        "stoker -C /place user linger nobody-here 2>&1 || echo $?",
        "cat /place/user@ada.toml",
        "rm /place/user@ada.toml",
    )
    assert "stoker: /place/user@ada.toml is not ours" in lines
    assert "stoker: there is no user 'nobody-here'" in lines
    assert [line for line in lines if line.isdigit()] == ["1", "2"]
    assert "# mine" in lines
