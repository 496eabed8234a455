#!/bin/sh
# Replays the corpus of each fuzz target, test/fuzz/corpus/<target>/, and says how many inputs passed.
set -u
passed=0 failed=0
for target in "$@"; do
	name=${target##*/}
	for input in test/fuzz/corpus/"$name"/*; do
		if [ ! -f "$input" ]; then
			echo "$name has no corpus"
			failed=$((failed + 1))
		elif out=$("$target" "$input" 2>&1); then
			passed=$((passed + 1))
		else
			echo "--- $target $input"
			echo "$out"
			failed=$((failed + 1))
		fi
	done
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
