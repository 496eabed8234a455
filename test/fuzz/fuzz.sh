#!/bin/sh
# fuzz.sh DIR SECONDS: runs each libFuzzer target in DIR that long, with new inputs in build/fuzz/corpus. Stops at the
# first finding, whose input libFuzzer leaves in the current folder.
set -eu
dir=$1 seconds=$2
for target in "$dir"/fuzz_*; do
	[ -x "$target" ] || continue
	name=${target##*/}
	mkdir -p "build/fuzz/corpus/$name"
	echo "$name: $seconds s"
	"$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 \
		"build/fuzz/corpus/$name" "test/fuzz/corpus/$name"
done
