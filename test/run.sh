#!/bin/bash
# Builds and runs every test; `long` adds the slow ones. Each runner closes with its own "N passed, M failed"; the last
# line is the sum.
set -u
cd "$(dirname "$0")/.." || exit 1
long=${1:+--long}
passed=0 failed=0 names=()

# run TITLE COMMAND...: shows its output, adds up its closing line; a bad exit without failures counts as one.
run()
{
	local title=$1 log line rc good bad
	shift
	echo "=== $title"
	log=$(mktemp)
	"$@" 2>&1 | tee "$log"
	rc=${PIPESTATUS[0]}
	line=$(grep -Eo '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1)
	rm -f "$log"
	good=${line%% passed*} bad=${line##*, } bad=${bad%% failed}
	if [ "$rc" != 0 ] && [ "${bad:-0}" = 0 ]; then
		bad=1
	fi
	passed=$((passed + ${good:-0}))
	failed=$((failed + ${bad:-0}))
	[ "${bad:-0}" = 0 ] || names+=("$title")
}

make all || exit 1
run "unit tests" make unit
run "unit tests, ASan and UBSan" make SAN=1 unit
run "fuzz corpora, ASan and UBSan" make SAN=1 fuzz-replay
run "simulator" make sim
run "large clusters" make scale
[ -z "$long" ] || run "very large clusters" make scale-long
run "deliberate faults, which the simulator must notice" make mutants
run "integration" make integration PYTEST="$long"
[ -z "$long" ] || run "integration, ASan and UBSan" make SAN=1 integration

[ ${#names[@]} = 0 ] || printf 'failed: %s\n' "${names[@]}"
echo "$passed passed, $failed failed"
[ $failed = 0 ]
