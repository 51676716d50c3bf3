# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2034
# Turn what a guest left in the job directory into verdicts. Sourced by run,
# which sets: here, job, ignore, vm_pid, hz (ticks of a second in /proc); keeps the totals
# in passed, failed, skipped, the number of the next TAP line in tap_next and what the
# machine had used of the processors in cpu.

# splats FILE...: faults in these kernel logs on stdout; true when there are any.
splats()
{
	local f found=1
	for f in "$@"; do
		[ -s "$f" ] || continue
		"$here/scan-log" -v ignore="$ignore" "$f" || found=0
	done
	return "$found"
}

# Kernel log since the last test began, as far as the console saw it.
console_tail()
{
	tr -d '\r' <"$job/console.log" 2>/dev/null | awk '
		/ringside-lab: (ready|test|end)/ { n = 0; next }
		{ line[n++] = $0 }
		END { for (i = 0; i < n; i++) print line[i] }' >"$job/console.tail"
}

comment()
{
	sed 's/^/# /'
}

# count_cpu: what the virtual machine, all of its session, has used of the processors
# since it was asked last, in seconds. Empty when it is gone, as after the last test.
count_cpu()
{
	local before=$cpu stat fields
	spent_cpu='' cpu=0
	for stat in /proc/[0-9]*/stat; do
		# Processes end while they are looked at.
		{ read -r fields <"$stat"; } 2>/dev/null || continue
		# Behind the name, which can be anything.
		# shellcheck disable=SC2206 # words
		fields=(${fields##*) })
		[ "${fields[3]}" = "${vm_pid:-0}" ] || continue
		cpu=$((cpu + fields[11] + fields[12] + fields[13] + fields[14]))
	done
	[ "$cpu" -lt "$before" ] || spent_cpu=$(((cpu - before) * 10 / hz))
	[ -z "$spent_cpu" ] || spent_cpu=$((spent_cpu / 10)).$((spent_cpu % 10))
}

# verdict_of N LIMIT NAME WHY: print test N as TAP. WHY is what the lab saw go wrong
# with it, empty for nothing.
verdict_of()
{
	local n=$1 limit=$2 name=$3 why=$4 rc=0 seconds='' p f s
	[ ! -e "$job/$n.rc" ] || read -r rc seconds <"$job/$n.rc"
	# Not there when the kernel went away before the test.
	: >>"$job/$n.out"
	: >>"$job/$n.err"
	if [ -z "$why" ] && timed_out "$limit" "$rc" "$seconds"; then
		why="no end after $limit s"
	fi
	if splats "$job/$n.klog" >"$job/$n.splat"; then
		why="${why:+$why, }kernel fault in the log"
	elif [ -z "$seconds" ]; then
		console_tail
		splats "$job/console.tail" >"$job/$n.splat" || true
	fi
	count_cpu
	printf '# %s%s\n' "$name" \
		"${seconds:+ ($seconds s${spent_cpu:+, processor $spent_cpu s})}"
	"$here/tap-flatten" -v name="$name" -v first="$tap_next" -v why="$why" -v rc="$rc" \
		-v counts="$job/$n.counts" "$job/$n.out" "$job/$n.err"
	[ ! -s "$job/$n.splat" ] || comment <"$job/$n.splat"
	read -r p f s <"$job/$n.counts"
	passed=$((passed + p))
	failed=$((failed + f))
	skipped=$((skipped + s))
	tap_next=$((tap_next + p + f + s))
	if [ "$f" -gt 0 ]; then
		printf '# output: %s, kernel log: %s\n' "$job/$n.{out,err}" "$job/$n.klog"
	fi
}

# timed_out LIMIT RC SECONDS: guest-tests ended it (124, or 137 when it had to kill).
timed_out()
{
	case $2 in
	124 | 137) [ -n "$3" ] && [ "${3%.*}" -ge "$1" ] ;;
	*) return 1 ;;
	esac
}

# extra_failure TEXT: a failure that is no test's own.
extra_failure()
{
	printf 'not ok %d - %s\n' "$tap_next" "$1"
	tap_next=$((tap_next + 1))
	failed=$((failed + 1))
}

summary()
{
	printf '1..%d\n' $((tap_next - 1))
	printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
}
