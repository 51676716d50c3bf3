# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Helpers shared by the lab's scripts. Source it; it runs nothing by itself.

RINGSIDE_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
RINGSIDE_CACHE=${RINGSIDE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ringside}
export RINGSIDE_TOP RINGSIDE_CACHE
# modprobe and depmod are where Debian's users do not look.
export PATH=$PATH:/usr/sbin:/sbin

# say WORDS...: one line for the person who waits.
say()
{
	printf '\033[1m==>\033[0m %s\n' "$*" >&2
}

# die WORDS...: the reason, then exit 2 (a harness fault, never a test result).
die()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 2
}

# as_root COMMAND...: run it as root, through sudo when we are not.
as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

# with_progress LABEL LOGFILE COMMAND...: run it with its output in LOGFILE;
# past 5 s print how long it has been running and its last line of output.
with_progress()
{
	local label=$1 log=$2 pid start now rc=0
	shift 2
	mkdir -p "$(dirname "$log")"
	"$@" </dev/null >"$log" 2>&1 &
	pid=$!
	start=$SECONDS
	local step=5
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.2
		now=$((SECONDS - start))
		if [ "$now" -ge "$step" ]; then
			printf '    %s: %d s: %.100s\n' "$label" "$now" \
				"$(tail -n 1 "$log" | tr -d '\r')" >&2
			step=$((step < 30 ? step + 5 : step + 30))
		fi
	done
	wait "$pid" || rc=$?
	if [ "$rc" -ne 0 ]; then
		tail -n 30 "$log" >&2
		printf '%s failed (exit %d); whole log: %s\n' "$label" "$rc" "$log" >&2
	fi
	return "$rc"
}

# ccache_make COMPILER MAKE-ARGUMENT...: make, by a compiler to which what other clones
# have compiled is known.
ccache_make()
{
	local compiler=$1
	shift
	CCACHE_DIR=$RINGSIDE_CACHE/ccache/here CCACHE_BASEDIR=$RINGSIDE_TOP CCACHE_NOHASHDIR=1 \
		make "CC=ccache $compiler" "$@"
}

# recall KIND KEY DIR: have in DIR what remember put aside; false if it put nothing aside.
recall()
{
	local store=$RINGSIDE_CACHE/$1/$2
	[ -d "$store" ] || return 1
	touch "$store"
	mkdir -p "$3"
	cp -R "$store/." "$3"
}

# remember KIND MOST KEY DIR FILE...: put files of DIR aside, and let go of what has not
# been recalled for longest, so that MOST keys of this kind are left.
remember()
{
	local kind=$RINGSIDE_CACHE/$1 most=$2 store=$RINGSIDE_CACHE/$1/$3 dir=$4
	shift 4
	mkdir -p "$store.$$"
	(cd "$dir" && cp --parents "$@" "$store.$$")
	mv -T "$store.$$" "$store" 2>/dev/null || rm -rf "$store.$$"
	find "$kind" -mindepth 1 -maxdepth 1 -printf '%T@ %p\n' | sort -rn | cut -d' ' -f2- |
		tail -n +$((most + 1)) | xargs -r rm -rf
}

# package_lists: see that the machine's own package lists are of today. A list's own
# time is the archive's, so its inode's counts.
package_lists()
{
	mkdir -p "$RINGSIDE_CACHE/lock"
	(
		flock 9
		[ -z "$(find /var/lib/apt/lists -name '*Packages*' -cmin -1440 -print -quit)" ] ||
			exit 0
		with_progress 'apt-get update' "$RINGSIDE_CACHE/log/apt-update.log" \
			as_root apt-get -q update
	) 9>"$RINGSIDE_CACHE/lock/apt-lists"
}

# packages_missing NAME...: those that are not installed.
packages_missing()
{
	local p
	for p in "$@"; do
		dpkg-query -W -f '${db:Status-Abbrev}' "$p" 2>/dev/null | grep -q '^ii' ||
			printf '%s\n' "$p"
	done
}

# need_packages NAME...: install what is missing from the machine's own suite.
need_packages()
{
	local missing
	missing=$(packages_missing "$@")
	[ -n "$missing" ] || return 0
	mkdir -p "$RINGSIDE_CACHE/lock"
	(
		# Another script may be installing the same.
		flock 9
		mapfile -t missing < <(packages_missing "$@")
		[ ${#missing[@]} -gt 0 ] || exit 0
		say "installing ${missing[*]}"
		package_lists
		with_progress 'apt-get install' "$RINGSIDE_CACHE/log/apt-install.log" \
			as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
			--no-install-recommends -o DPkg::Lock::Timeout=600 install "${missing[@]}"
	) 9>"$RINGSIDE_CACHE/lock/apt"
}
