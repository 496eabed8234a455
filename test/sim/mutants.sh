#!/bin/bash
# mutants.sh SIM SEEDS [NAME...]: runs each deliberate fault of the core until the simulator notices it: the story of
# mutants.txt first, then seeds.
set -u
sim=$1 seeds=$2
shift 2
step=40 passed=0 failed=0
known=$(dirname "$0")/mutants.txt

notices()
{
	"$sim" --no-shrink --tell 0 --mutant "$@" >/dev/null 2>&1
	[ $? = 1 ]
}

# Prints what noticed it.
noticed_by()
{
	local story from
	story=$(awk -v name="$1" '$1 == name { print $2 }' "$known")
	if [ -n "$story" ] && notices "$1" --story "$story"; then
		echo "story $story"
		return 0
	fi
	for ((from = 1; from <= seeds; from += step)); do
		if notices "$1" --from "$from" --seeds "$step"; then
			echo "seeds up to $((from + step - 1))"
			return 0
		fi
	done
	return 1
}

while read -r name doc; do
	if [ $# -gt 0 ] && ! grep -qx "$name" <<<"$(printf '%s\n' "$@")"; then
		continue
	fi
	if by=$(noticed_by "$name"); then
		passed=$((passed + 1))
		echo "noticed by $by: $name ($doc)"
	else
		failed=$((failed + 1))
		echo "NOT NOTICED in $seeds seeds: $name ($doc)"
	fi
done < <("$sim" --mutant list)
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
