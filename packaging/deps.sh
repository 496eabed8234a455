#!/bin/sh
# Installs what is missing of the named sets: build, test, lint. Debian and Ubuntu by apt, Fedora and RHEL by dnf.
# Quick and silent when nothing is missing; asks for root by sudo only when something is.
set -eu

# set, apt, dnf (- where another package brings it along), and the service that Debian starts with it and that is
# switched off again: the tests run servers of their own.
table='
build gcc                    gcc
build libc6-dev              glibc-devel
build pkg-config             pkgconf-pkg-config
build libev-dev              libev-devel
build libmsgpack-dev         msgpack-devel
build libinih-dev            inih-devel
build libc-ares-dev          c-ares-devel
build libssl-dev             openssl-devel
build liblmdb-dev            lmdb-devel
build libcurl4-openssl-dev   libcurl-devel
build libjansson-dev         jansson-devel
build libseccomp-dev         libseccomp-devel
build libxxhash-dev          xxhash-devel
build libbsd-dev             libbsd-devel
test  check                  check-devel
test  -                      libasan
test  -                      libubsan
test  python3                python3
test  python3-pytest         python3-pytest
test  python3-msgpack        python3-msgpack
test  lmdb-utils             lmdb
test  iproute2               iproute
test  openssl                openssl
test  nftables               nftables
test  etcd-server            etcd               etcd
test  etcd-client            -
test  dnsmasq-base           dnsmasq
test  knot                   knot               knot
bench libnghttp2-dev        libnghttp2-devel
lint  git                    git-core
lint  clang                  clang
lint  clang-format           clang-tools-extra
lint  clang-tidy             clang-tools-extra
lint  libclang-rt-14-dev     compiler-rt
lint  cppcheck               cppcheck
lint  shellcheck             ShellCheck
lint  valgrind               valgrind
lint  mandoc                 mandoc
'

# packages COLUMN SET...: the names in that column of the table.
packages()
{
	column=$1
	shift
	echo "$table" | awk -v column="$column" -v sets=" $* " 'index(sets, " " $1 " ") && $column != "-" { print $column }'
}

as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif ! command -v sudo >/dev/null; then
		echo "there is no sudo here; run this as root, then again what you ran: $*" >&2
		exit 1
	else
		echo "installing with sudo: $*" >&2
		sudo "$@"
	fi
}

# switch_off PACKAGE...: the services of what was just installed.
switch_off()
{
	[ -d /run/systemd/system ] || return 0
	for p in "$@"; do
		service=$(echo "$table" | awk -v p="$p" '$2 == p { print $4 }')
		[ -z "$service" ] || as_root systemctl disable --now "$service"
	done
}

missing_apt()
{
	# shellcheck disable=SC2046 # a list of words; those that dpkg has never heard of make it fail
	installed=$(dpkg-query -W -f ' ${Package}/${db:Status-Abbrev}' $(packages 2 "$@") 2>/dev/null || true)
	for p in $(packages 2 "$@"); do
		case $installed in
		*" $p/ii"*) ;;
		*) echo "$p" ;;
		esac
	done
}

missing_dnf()
{
	for p in $(packages 3 "$@"); do
		rpm -q --quiet "$p" || echo "$p"
	done
}

if command -v apt-get >/dev/null; then
	missing=$(missing_apt "$@")
	[ -n "$missing" ] || exit 0
	# A list that can't be had may be one that isn't needed. A machine that has just started may be updating itself.
	as_root apt-get update -q -o Acquire::Retries=3 || echo "going on with the package lists of before" >&2
	# shellcheck disable=SC2086 # a list of words
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
		-o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 $missing
	# shellcheck disable=SC2086
	switch_off $missing
elif command -v dnf >/dev/null; then
	missing=$(missing_dnf "$@")
	[ -n "$missing" ] || exit 0
	# shellcheck disable=SC2086
	as_root dnf install -y $missing
else
	echo "neither apt-get nor dnf here; packages needed (Debian's names):" >&2
	packages 2 "$@" >&2
	exit 1
fi
