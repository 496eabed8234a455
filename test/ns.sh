#!/bin/bash
# ns.sh DIR COMMAND...: runs a command in a user, network, mount and process namespace of its own. Needs no root and
# takes no port of the host; whatever is left running inside ends with the command. Inside, everybody sees an ordinary
# user (1000) that may still configure the network; DIR is a tmpfs, and test/integration/hosts are known by name.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
export CLUSTERD_TEST_DIR=$1 CLUSTERD_TEST_HOSTS=$here/integration/hosts
shift
PATH=$PATH:/usr/sbin:/sbin # name servers; not in the path of ordinary users
namespaces=(--user --map-user=1000 --map-group=1000 --keep-caps --net --mount --pid --fork --kill-child --mount-proc)
unshare "${namespaces[@]}" true || {
	echo "ns.sh: these tests need user namespaces, which this machine or container denies to $(id -un): see the" \
		"sysctls user.max_user_namespaces, kernel.unprivileged_userns_clone and" \
		"kernel.apparmor_restrict_unprivileged_userns, and the container's seccomp profile" >&2
	exit 1
}
# shellcheck disable=SC2016 # expanded inside
exec unshare "${namespaces[@]}" bash -c '
	set -e
	ip link set lo up
	mount -t tmpfs -o mode=0700 clusterd-test "$CLUSTERD_TEST_DIR"
	cat /etc/hosts "$CLUSTERD_TEST_HOSTS" >"$CLUSTERD_TEST_DIR/hosts"
	mount --bind "$CLUSTERD_TEST_DIR/hosts" /etc/hosts
	set +e
	"$@" # not exec: this shell reaps, as process 1, what nobody else does
	exit $?
' bash "$@"
