# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Jobs of which some wait for others, side by side. Source it.

job_names=()
declare -A job_after=() job_command=() job_state=()

# job NAME AFTER COMMAND...: a job that may start once those in AFTER, joined by
# commas, went well. Names have no spaces. What was not declared is not waited for.
job()
{
	local name=$1
	job_names+=("$name")
	job_after[$name]=$2
	job_state[$name]=waiting
	shift 2
	job_command[$name]=$(printf '%q ' "$@")
}

# job_ready NAME: may it start? 1: others have to end first, 2: one of them failed.
job_ready()
{
	local after ready=0
	for after in ${job_after[$1]//,/ }; do
		case ${job_state[$after]:-ok} in
		ok) ;;
		failed) return 2 ;;
		*) ready=1 ;;
		esac
	done
	return "$ready"
}

# run_job NAME DIR: one of them, in a process of its own.
run_job()
{
	local status=0
	trap - EXIT
	eval "${job_command[$1]}" >"$2/$1.out" || status=$?
	# In this process, not in one of a pipe: those have no children yet. The second
	# line has user and system time of all children, as 1m2.345s.
	builtin times >"$2/$1.times"
	awk 'NR == 2 {
		for (i = 1; i <= NF; i++) { split($i, t, /[ms]/); sum += t[1] * 60 + t[2] }
		printf "%d\n", sum }' "$2/$1.times" >"$2/$1.cpu"
	exit "$status"
}

# run_jobs SLOTS DIR ENDED: run them, at most SLOTS at a time, each time the first
# declared of those that may start. As each ends, "ENDED NAME STATUS SECONDS CPU" is
# called, CPU being seconds of processor; its output is in DIR/NAME.out. STATUS is
# "blocked" when it was never started, because one it waits for failed.
run_jobs()
{
	local slots=$1 dir=$2 ended=$3 name pid status changed
	declare -A name_of=() start_of=()
	while :; do
		changed=
		for name in "${job_names[@]}"; do
			[ "${job_state[$name]}" = waiting ] || continue
			status=0
			job_ready "$name" || status=$?
			[ "$status" -ne 1 ] || continue
			if [ "$status" -eq 2 ]; then
				job_state[$name]=failed
				changed=1
				: >"$dir/$name.out"
				"$ended" "$name" blocked 0 0
				continue
			fi
			[ ${#name_of[@]} -lt "$slots" ] || break
			run_job "$name" "$dir" &
			name_of[$!]=$name
			start_of[$name]=$SECONDS
			job_state[$name]=running
		done
		if [ ${#name_of[@]} -eq 0 ]; then
			# What was given up may be what others wait for.
			[ -n "$changed" ] && continue
			break
		fi
		status=0
		wait -n -p pid "${!name_of[@]}" || status=$?
		name=${name_of[$pid]}
		unset "name_of[$pid]"
		job_state[$name]=ok
		[ "$status" -eq 0 ] || job_state[$name]=failed
		"$ended" "$name" "$status" $((SECONDS - start_of[$name])) \
			"$(cat "$dir/$name.cpu")"
	done
}
