# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Packages of other Debian suites, without touching the host's own apt state.
# Each suite gets a private state directory; its mirror is the one this machine
# is configured with. Source after lib.sh.

# debian_mirror: address of the configured mirror of the main archive.
debian_mirror()
{
	local url
	# shellcheck disable=SC2016 # apt's own variables
	url=$(apt-get indextargets --format '$(SITE) $(CREATED_BY)' 'Created-By: Packages' \
		2>/dev/null | awk '$1 ~ /\/debian\/?$/ { print $1; exit }')
	[ -n "$url" ] || die 'no Debian archive among the configured apt sources'
	printf '%s\n' "${url%/}"
}

# suite_apt SUITE COMMAND...: apt-get or apt-cache seeing SUITE and nothing else.
# SUITE may be several suites joined by commas (trixie,trixie-backports).
suite_apt()
{
	local suites=$1 cmd=$2 dir
	shift 2
	dir=$RINGSIDE_CACHE/apt/$suites
	suite_lists "$suites" "$dir"
	suite_apt_raw "$dir" "$cmd" "$@"
}

# suite_lists SUITES DIR: see that the package lists in DIR are of today.
suite_lists()
{
	local suites=$1 dir=$2 s
	mkdir -p "$RINGSIDE_CACHE/lock"
	(
		flock 6
		[ -z "$(find "$dir/ready" -mtime -1 2>/dev/null)" ] || exit 0
		rm -rf "$dir"
		mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/parts"
		: >"$dir/status"
		for s in ${suites//,/ }; do
			printf 'deb [signed-by=%s] %s %s main\n' \
				/usr/share/keyrings/debian-archive-keyring.gpg "$(debian_mirror)" "$s"
		done >"$dir/sources.list"
		with_progress "package lists of $suites" "$RINGSIDE_CACHE/log/apt-$suites.log" \
			suite_apt_raw "$dir" apt-get -q update ||
			die "cannot read the package lists of $suites"
		touch "$dir/ready"
	) 6>"$RINGSIDE_CACHE/lock/apt-$suites"
}

suite_apt_raw()
{
	local dir=$1 cmd=$2
	shift 2
	"$cmd" -o "Dir::State=$dir" -o "Dir::State::lists=$dir/lists" \
		-o "Dir::State::status=$dir/status" -o "Dir::Cache=$dir/cache" \
		-o "Dir::Etc::sourcelist=$dir/sources.list" \
		-o "Dir::Etc::sourceparts=$dir/parts" -o APT::Architecture=amd64 \
		-o Acquire::Languages=none -o APT::Sandbox::User=root "$@"
}

# suite_version SUITE PACKAGE: version that a download would bring.
suite_version()
{
	suite_apt "$1" apt-cache show --no-all-versions "$2" 2>/dev/null |
		awk '$1 == "Version:" { print $2; exit }'
}

# suite_fetch SUITE PACKAGE: download the package once; print the file's path.
suite_fetch()
{
	local suite=$1 pkg=$2 version dir=$RINGSIDE_CACHE/debs deb
	version=$(suite_version "$suite" "$pkg")
	[ -n "$version" ] || die "$pkg is not in $suite"
	mkdir -p "$dir"
	deb=$(find "$dir" -name "${pkg}_${version//:/%3a}_*.deb" -print -quit)
	if [ -z "$deb" ]; then
		(cd "$dir" && with_progress "download $pkg $version" \
			"$RINGSIDE_CACHE/log/download-$pkg.log" \
			suite_apt "$suite" apt-get -q download "$pkg=$version") ||
			die "cannot download $pkg $version from $suite"
		deb=$(find "$dir" -name "${pkg}_${version//:/%3a}_*.deb" -print -quit)
	fi
	printf '%s\n' "$deb"
}
