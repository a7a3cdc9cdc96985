"""Twelve of Debian's daemons, by their own unit files, in a root of their own: imported, up
together, answering, down again. Nothing of it touches the machine: it has namespaces of its own.

Takes minutes, most of them for making the root; STOKER_DEBIAN_ROOT names one that is there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.system, pytest.mark.long, pytest.mark.timeout(7200)]

GIVEN = os.environ.get("STOKER_DEBIAN_ROOT", "")  # before tests have an environment of their own
SOURCE = Path(__file__).resolve().parents[2] / "src"
PACKAGES = (
    "python3", "dbus", "cron", "rsyslog", "redis-server", "nginx-light", "openssh-server",
    "avahi-daemon", "postgresql", "cups-daemon", "chrony", "apache2", "mariadb-server", "iproute2",
)  # fmt: skip
UNITS = (
    "dbus.service", "dbus.socket", "cron.service", "rsyslog.service", "redis-server.service",
    "nginx.service", "ssh.service", "avahi-daemon.service", "avahi-daemon.socket",
    "postgresql@15-main.service", "postgresql.service", "cups.service", "cups.socket",
    "chrony.service", "apache2.service", "mariadb.service",
)  # fmt: skip
DROP_INS = {
    "dbus": "OOMScoreAdjust=",
    "postgresql@": "OOMScoreAdjust=",
    "redis-server": "LimitNOFILE=",
    "mariadb": "LimitNOFILE=\nLimitMEMLOCK=",
}
"""What a namespace may not be allowed to do is reset, by drop-ins as an administrator writes."""

ENTER = """\
set -e
root=$1
mount --make-rprivate /
mount --bind $root $root
mkdir -p $root/opt/stoker $root/opt/site
mount --bind -o ro $2 $root/opt/stoker
mount --bind -o ro $3 $root/opt/site
mount -t proc proc $root/proc
mount -t tmpfs tmpfs $root/run
mount -t tmpfs -o mode=755 tmpfs $root/dev
for name in null zero random urandom full tty; do
  touch $root/dev/$name
  mount --bind /dev/$name $root/dev/$name
done
mkdir $root/dev/shm
mount -t tmpfs tmpfs $root/dev/shm
ln -s /proc/self/fd $root/dev/fd
if mount -t sysfs sysfs $root/sys 2>/dev/null; then
  mount -t cgroup2 cgroup2 $root/sys/fs/cgroup 2>/dev/null || true
fi
ip link set lo up
exec chroot $root /bin/sh -eu /inside
"""

INSIDE = """\
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH=/opt/stoker:/opt/site
stoker() { python3 -c 'import sys; from stoker.cli import main; sys.exit(main())' "$@"; }
# What systemd-tmpfiles does.
mkdir -p /run/lock
install -d -o postgres -g postgres -m 2775 /run/postgresql
install -d -o mysql -g root /run/mysqld
rm -rf /srv/services
stoker import systemd UNITS --to /srv/services >/srv/report
cd /srv/services
stoker check .
stoker up -d --no-wait .
stoker system set NETWORK met
stoker wait --timeout 300 apache2 avahi-daemon chrony cron cups dbus mariadb nginx \\
  redis-server rsyslog ssh
stoker ls
redis-cli ping
for port in 80 8081; do python3 -c "import urllib.request as request
print(request.urlopen('http://127.0.0.1:$port/', timeout=60).status)"; done
python3 -c 'import socket; print(socket.create_connection(("127.0.0.1", 22)).recv(99)[:8])'
# Without a cgroup its own command takes it where we cannot tell it is the service's.
cd /
for _ in $(seq 60); do
  runuser -u postgres -- psql -XtAc "select 'post' || 'gres'" && break
  sleep 1
done
mariadb -Ne "select concat('maria', 'db')"
dbus-send --system --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.ListNames
logger said by a test
for _ in $(seq 60); do
  grep 'said by a test' /var/log/syslog && break
  sleep 1
done
stoker -C /srv/services down
"""


def run(*words: str | Path, **more: object) -> str:
    done = subprocess.run(
        [str(word) for word in words],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, **more,  # type: ignore[call-overload]
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
    return str(done.stdout)


@pytest.fixture
def root() -> Iterator[Path]:
    """A Debian with the daemons, which are not started."""
    if GIVEN:
        yield Path(GIVEN)
        return
    if shutil.which("mmdebstrap") is None:
        pytest.skip("there is no mmdebstrap here")
    folder = Path(tempfile.mkdtemp(prefix="sk"))
    folder.chmod(0o755)
    try:
        run("mmdebstrap", "--mode=root", "--variant=minbase", f"--include={','.join(PACKAGES)}",
            "--dpkgopt=force-unsafe-io",  # what is thrown away need not survive a power cut
            "bookworm", folder / "root", timeout=5400)  # fmt: skip
        yield folder / "root"
    finally:
        # If its making was cut short, something may still be mounted there.
        subprocess.run(["rm", "-rf", "--one-file-system", folder], check=False)


def test_they_are_up_together_and_answer(root: Path) -> None:
    for name, text in DROP_INS.items():
        folder = root / "etc/systemd/system" / f"{name}.service.d"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "test.conf").write_text(f"[Service]\n{text}\n")
    ports = root / "etc/apache2/ports.conf"
    ports.write_text(ports.read_text().replace("Listen 80\n", "Listen 8081\n"))
    site = root / "etc/apache2/sites-available/000-default.conf"
    site.write_text(site.read_text().replace("*:80>", "*:8081>"))
    (root / "inside").write_text(INSIDE.replace("UNITS", " ".join(UNITS)))
    packages = sysconfig.get_path("purelib")
    assert sys.version_info[:2] == (3, 11), "the root's Python is 3.11, and uses our packages"
    spaces = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup")
    said = run("unshare", *spaces, "--fork", "--kill-child", "sh", "-c", ENTER, "enter", root,
               SOURCE, packages, timeout=1200)  # fmt: skip
    for answer in ("PONG", "200\n200", "b'SSH-2.0-'", "postgres\n", "mariadb\n",
                   "org.freedesktop.Avahi", "said by a test"):  # fmt: skip
        assert answer in said
