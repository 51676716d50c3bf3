# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Results of a test script, as TAP. Source it.

tap_number=0 tap_failed=0 tap_planned=0

# tap_skip REASON: leave; nothing can be tested here.
tap_skip()
{
	echo "1..0 # SKIP $1"
	exit 4
}

# tap_begin COUNT: how many results will come; 0 if nobody knows yet.
tap_begin()
{
	[ "$(id -u)" -eq 0 ] || tap_skip 'not root'
	echo 'TAP version 13'
	tap_planned=$1
	[ "$1" -eq 0 ] || echo "1..$1"
}

# verdict STATUS NAME [WHY]: one result; WHY, of any number of lines, if it is bad.
verdict()
{
	tap_number=$((tap_number + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $tap_number - $2"
		return
	fi
	[ -z "${3:-}" ] || printf '# %s\n' "${3//$'\n'/$'\n'# }"
	echo "not ok $tap_number - $2"
	tap_failed=1
}

# tap_end: leave.
tap_end()
{
	[ "$tap_planned" -ne 0 ] || echo "1..$tap_number"
	exit "$tap_failed"
}
