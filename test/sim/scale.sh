#!/bin/bash
# scale.sh SIM RUN...: large clusters, one after the other; a RUN is "N [options of sim --scale]". The last line is the sum.
set -u
sim=$1
shift
passed=0 failed=0

for run in "$@"; do
	read -ra options <<<"$run"
	if "$sim" --scale "${options[@]}"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
