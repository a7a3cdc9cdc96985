# What methods of SMF source as /lib/svc/share/smf_include.sh: exit codes and functions
# (smf_method(7)). Methods find this file in $STOKER_SMF_INCLUDE.

SMF_EXIT_OK=0
SMF_EXIT_NODAEMON=94
SMF_EXIT_ERR_FATAL=95
SMF_EXIT_ERR_CONFIG=96
SMF_EXIT_MON_DEGRADE=97
SMF_EXIT_MON_OFFLINE=98
SMF_EXIT_ERR_NOSMF=99
SMF_EXIT_ERR_PERM=100

smf_present () {
	[ -n "$SMF_FMRI" ]
}

smf_clear_env () {
	unset SMF_FMRI SMF_METHOD SMF_RESTARTER SMF_ZONENAME
}

# The console where there is one that we may write to; else standard error, which is the log.
smf_console () {
	if [ -w /dev/console ] && ( : > /dev/console ) 2>/dev/null; then
		tee -a /dev/console
	else
		cat >&2
	fi
}

smf_zonename () {
	echo "${SMF_ZONENAME:-global}"
}

smf_is_globalzone () {
	[ "${SMF_ZONENAME:-global}" = "global" ]
}

smf_is_nonglobalzone () {
	! smf_is_globalzone
}

# Processes of a contract: those in its cgroup, or where there are no cgroups, those that carry
# its mark in their environment.
_smf_processes () {
	_smf_own=$(sed -n 's/^0:://p' /proc/self/cgroup 2>/dev/null)
	for _smf_mount in $(awk '$3 == "cgroup2" { print $2 }' /proc/self/mounts); do
		for _smf_dir in "$_smf_mount${_smf_own%/*/*}"/[sl]/*."$1"; do
			[ -f "$_smf_dir/cgroup.procs" ] && cat "$_smf_dir/cgroup.procs" && return
		done
	done
	for _smf_file in /proc/[0-9]*/environ; do
		_smf_pid=${_smf_file#/proc/}
		_smf_pid=${_smf_pid%/environ}
		[ "$_smf_pid" = "$$" ] && continue
		if tr '\0' '\n' 2>/dev/null < "$_smf_file" | grep -q "^STOKER_CONTRACT=.*\.$1\$"; then
			echo "$_smf_pid"
		fi
	done
}

# smf_kill_contract CTID SIGNAL [WAIT [TIMEOUT]]: 0 done, 1 no such contract, 2 it took too long.
smf_kill_contract () {
	case "$1" in
	''|*[!0-9]*)
		return 1
		;;
	esac
	_smf_all=$(_smf_processes "$1")
	[ -n "$_smf_all" ] || return 1
	# What has ended meanwhile needs no signal.
	kill -"${2#SIG}" $_smf_all 2>/dev/null
	[ "${3:-0}" = 1 ] || return 0
	_smf_left=${4:-0}
	while [ -n "$(_smf_processes "$1")" ]; do
		if [ "${4:-0}" != 0 ]; then
			[ "$_smf_left" -gt 0 ] || return 2
			_smf_left=$((_smf_left - 1))
		fi
		sleep 1
	done
	return 0
}
