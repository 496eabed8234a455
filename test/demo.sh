#!/bin/bash
# Three nodes on this machine's loopback that find each other by a static list; one is killed and brought back. Needs no
# root, writes only to a folder of its own, and leaves nothing behind, whether it ends by itself or by ^C.
set -eu
build=$(cd "$(dirname "$0")/../build" && pwd)
tmp=${TMPDIR:-/tmp}
[ ${#tmp} -le 80 ] || tmp=/tmp # the path of a socket has room for 107 bytes
dir=$(mktemp -d "$tmp/clusterd-demo.XXXXXX")
declare -A pids=()

clean_up()
{
	trap - EXIT INT TERM
	for i in "${!pids[@]}"; do
		kill "${pids[$i]}" 2>/dev/null || true
	done
	wait
	rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

say()
{
	printf '\n\033[1m%s\033[0m\n' "$*" | if [ -t 1 ]; then cat; else sed 's/\x1b\[[0-9]*m//g'; fi
}

ctl()
{
	local i=$1
	shift
	"$build/clusterctl" --socket "$dir/$i.sock" "$@"
}

start()
{
	"$build/clusterd" -c "$dir/$1.conf" </dev/null >>"$dir/$1.log" 2>&1 &
	pids[$1]=$!
}

# count I KEY: how many nodes node I shows under that key of `cluster status --json`.
count()
{
	ctl "$1" cluster status --json 2>/dev/null | sed -n "/\"$2\"/,/]/p" | grep -c @ || true
}

# wait_until I RUNNING STOPPED: node I shows so many.
wait_until()
{
	for _ in {1..1000}; do
		if [ "$(count "$1" running_nodes)" = "$2" ] && [ "$(count "$1" stopped_nodes)" = "$3" ]; then
			return
		fi
		if ! kill -0 "${pids[$1]}" 2>/dev/null; then
			break
		fi
		sleep 0.02
	done
	echo "node $1 does not show $2 running and $3 stopped; its log:" >&2
	tail -n 20 "$dir/$1.log" >&2
	exit 1
}

show()
{
	for i in "$@"; do
		echo "demo$i\$ clusterctl cluster status"
		ctl "$i" cluster status
	done
}

cookie=$("$build/clusterctl" cookie generate)
for i in 1 2 3; do
	cat >"$dir/$i.conf" <<-CONF
		node {
		  name = demo$i@127.0.0.1
		  cookie = "$cookie"
		  data_dir = $dir/$i
		}
		cluster {
		  discovery_strategy = static
		  static {
		    seeds = ["demo1@127.0.0.1", "demo2@127.0.0.1", "demo3@127.0.0.1"]
		  }
		}
		control.socket = $dir/$i.sock
		supervisor.user = $(id -un 2>/dev/null || id -u)
	CONF
done

say "Three nodes, each with a file like this one:"
sed 's/cookie = .*/cookie = "(generated)"/' "$dir/1.conf"
for i in 1 2 3; do
	start $i
done
for i in 1 2 3; do
	wait_until $i 3 0
done
show 1 2 3

say "kill -9 of the third:"
kill -9 "${pids[3]}"
wait "${pids[3]}" 2>/dev/null || true
for i in 1 2; do
	wait_until $i 2 1
done
show 1 2

say "and it is started again:"
start 3
for i in 1 2 3; do
	wait_until $i 3 0
done
show 3
ctl 1 members

clean_up
say "All stopped, nothing left behind."
