#!/bin/sh
# Runs Check programs and sums them up in one line. A program that dies or counts nothing is a failure itself.
set -u
# Check's limits (4 s unless told) are for hangs: a busy machine is none.
export CK_TIMEOUT_MULTIPLIER=20
passed=0 failed=0
for t in "$@"; do
	out=$("$t" 2>&1)
	rc=$?
	counts=$(echo "$out" | sed -n 's/^[0-9]*%: Checks: \([0-9]*\), Failures: \([0-9]*\), Errors: \([0-9]*\)$/\1 \2 \3/p' |
		awk '{ c += $1; bad += $2 + $3 } END { if (NR) print c - bad, bad }')
	if [ $rc -ne 0 ] || [ -z "$counts" ]; then
		echo "--- $t (exit $rc)"
		echo "$out"
	fi
	good=${counts% *}
	bad=${counts#* }
	if [ -z "$counts" ] || { [ $rc -ne 0 ] && [ "$bad" = 0 ]; }; then
		bad=$((${bad:-0} + 1))
	fi
	passed=$((passed + ${good:-0}))
	failed=$((failed + bad))
done
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed != 0 ]
