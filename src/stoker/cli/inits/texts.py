"""The files that each init wants.

A restart of the host's unit is no restart of services: where the init tells us that it is one,
manager and keeper alone are replaced, and the services are taken over.
"""

from __future__ import annotations

import shlex

__all__ = [
    *("MARK", "openrc", "runit_control", "runit_restart", "runit_run", "systemd", "sysvinit"),
]

MARK = "# written by `stoker install`; `stoker uninstall` removes it"
"""By this line a file is known to be ours."""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def systemd(command: list[str], kind: str) -> str:
    """A unit (systemd.service(5)). `command`: argv of stoker; `kind`: "user" or "system".

    ExecStop is called for stop and for restart alike, and so asks which of the two it is. For a
    restart the keeper is killed, the manager becomes the keeper, and the next `up` finds the place
    as it was. TERM, which comes when ExecStop took too long, hurries the `down` that is under way.
    """
    stoker = " ".join(_unit_word(word) for word in [*command, f"--{kind}"])
    shell = " ".join(map(shlex.quote, [*command, f"--{kind}"]))
    manager = "systemctl --user" if kind == "user" else "systemctl"
    stop = (
        f'test -n "$$MAINPID" || exit 0; '
        f"if {manager} list-jobs --no-legend %n | grep -q restart; "
        f'then kill -KILL "$$MAINPID"; else exec {_unit_text(shell)} down; fi'
    )
    ordering = "" if kind == "user" else "After=local-fs.target network.target\n"
    wanted = "default.target" if kind == "user" else "multi-user.target"
    whose = "services of this user" if kind == "user" else "services of this machine"
    return f"""{MARK}
[Unit]
Description=stoker: {whose}
{ordering}
[Service]
Type=notify
NotifyAccess=all
ExecStart={stoker} up -d
ExecReload={stoker} reload
ExecStop=/bin/sh -c {_unit_quoted(stop)}
# Services outlive a restart of this unit: only the keeper is ever signalled from here.
KillMode=process
SuccessExitStatus=SIGKILL
RestartForceExitStatus=SIGKILL
Restart=on-failure
TimeoutStopSec=300
# Each service has a cgroup of its own below ours; that one is killed for want of memory is its own
# affair.
Delegate=yes
OOMPolicy=continue
TasksMax=infinity

[Install]
WantedBy={wanted}
"""


def _unit_text(text: str) -> str:
    """Text in a unit's command that systemd must leave alone (specifiers, variables)."""
    return text.replace("%", "%%").replace("$", "$$")


def _unit_quoted(text: str) -> str:
    """One word of a command line in a unit, its % and $ already seen to (systemd.syntax(7))."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _unit_word(word: str) -> str:
    plain = all(one.isalnum() or one in "/._-+@:=" for one in word)
    return word if plain else _unit_quoted(_unit_text(word))


def openrc(command: list[str]) -> str:
    """A service script (openrc-run(8)). The keeper's lock file serves as its pid file."""
    stoker = " ".join(map(shlex.quote, [*command, "--system"]))
    return f"""#!/sbin/openrc-run
{MARK}

name="stoker"
description="Services of this machine"
extra_started_commands="reload"

depend() {{
	want localmount
	after localmount bootmisc net
}}

start() {{
	ebegin "Starting stoker"
	{stoker} up -d
	# Something that is not up is shown by `stoker ls`; the manager runs all the same.
	{stoker} status >/dev/null
	eend $?
}}

stop() {{
	if [ "$RC_CMD" = restart ]; then
		ebegin "Replacing stoker's manager; services go on"
		{stoker} reexec
	else
		ebegin "Stopping stoker"
		{stoker} down
	fi
	eend $?
}}

reload() {{
	ebegin "Reading stoker's definitions again"
	{stoker} reload
	eend $?
}}

status() {{
	{stoker} status
}}
"""


def sysvinit(command: list[str]) -> str:
    """An init script with the LSB's header and exit statuses (LSB 5.0, 22.2 and 22.3)."""
    stoker = " ".join(map(shlex.quote, [*command, "--system"]))
    return f"""#!/bin/sh
{MARK}
### BEGIN INIT INFO
# Provides:          stoker
# Required-Start:    $local_fs $remote_fs
# Required-Stop:     $local_fs $remote_fs
# Should-Start:      $network $syslog $time
# Should-Stop:       $network $syslog $time
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: Services of this machine
# Description:       The stoker service manager, with the services of /etc/stoker/services.
### END INIT INFO

PATH={PATH}
export PATH

runs() {{
	{stoker} status >/dev/null 2>&1
}}

start() {{
	{stoker} up -d
	runs
}}

case "$1" in
start)
	start
	;;
stop)
	if runs; then {stoker} down; fi
	;;
restart)
	# Services go on; keeper and manager are replaced by what is installed now.
	if runs; then {stoker} reexec && {stoker} reload; else start; fi
	;;
try-restart)
	if runs; then {stoker} reexec && {stoker} reload; fi
	;;
reload|force-reload)
	runs || exit 7
	{stoker} reload
	;;
status)
	if runs; then {stoker} status; else echo "stoker does not run"; exit 3; fi
	;;
*)
	echo "usage: $0 start|stop|restart|try-restart|reload|force-reload|status" >&2
	exit 2
	;;
esac
"""


def runit_run(command: list[str]) -> str:
    """The run script (runsv(8)): in the foreground, so that the keeper is runsv's own child."""
    stoker = " ".join(map(shlex.quote, [*command, "--system"]))
    return f"""#!/bin/sh
{MARK}
PATH={PATH}
export PATH
exec {stoker} up </dev/null >/dev/null 2>&1
"""


def runit_control(command: list[str], verb: str) -> str:
    """What runsv does instead of sending a signal, or besides."""
    stoker = " ".join(map(shlex.quote, [*command, "--system"]))
    return f"""#!/bin/sh
{MARK}
PATH={PATH}
export PATH
exec {stoker} {verb}
"""


def runit_restart(command: list[str]) -> str:
    """What runsv does instead of sending TERM: alone for `sv restart`, before control/d for
    `sv down`.

    runsv believes in a restart when the process that it started has another pid. That one is the
    keeper, whose end the services do not notice; or, where the place ran before `run` did, one that
    only looks on, so that keeper and manager are to be told first.
    """
    stoker = " ".join(map(shlex.quote, [*command, "--system"]))
    return f"""#!/bin/sh
{MARK}
PATH={PATH}
export PATH
pid=$(cat supervise/pid)
test "$pid" = "$(cat /run/stoker/lock)" || {stoker} reexec
kill -KILL "$pid"
"""
