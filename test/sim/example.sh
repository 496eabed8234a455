#!/bin/bash
# example.sh SIM PAGE: renews the trace of a split and its healing between the page's "An example" and the plan below it.
# A part of make docs and of no check: each change of what the core sends moves its times by microseconds.
set -eu
sim=$1 page=$2
plan=$(sed -n '/^## An example/,/^## /s/^seed=/seed=/p' "$page")
trace=$(mktemp)
new=$(mktemp)
trap 'rm -f "$trace" "$new"' EXIT
"$sim" --trace --plan "$plan" |
	awk '$1 >= 3 && /node_(stopped|running)|partition_|quorum_|---/' >"$trace"
[ -s "$trace" ]
awk -v trace="$trace" '
	/^## / { example = /An example/ }
	example && /^```$/ && ++fences == 1 { print; while ((getline line < trace) > 0) print line; skip = 1; next }
	example && /^```$/ { skip = 0 }
	!skip' "$page" >"$new"
cat "$new" >"$page"
