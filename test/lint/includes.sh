#!/bin/sh
# Who may include whom. A line: folder, then the prefixes of the project's headers that its files may include.
set -eu
rules='
common/base        common/base/
common/msg         common/base/ common/msg/
common/conf        common/base/ common/conf/
common/os          common/base/ common/os/
common/net         common/base/ common/net/
common/wire        common/base/ common/msg/ common/wire/
common/ipc         common/base/ common/msg/ common/ipc/
common/ctl         common/base/ common/msg/ common/ctl/
membership/core    common/base/ common/msg/ common/wire/ membership/core/
membership/data    common/base/ common/msg/ common/wire/ membership/core/core.h membership/core/mutants.h membership/data/
membership/net     common/ membership/core/ membership/net/
membership/store   common/ membership/core/ membership/store/
membership         common/ membership/
supervisor         common/ supervisor/
workers            common/ workers/worker.h workers/
cli                common/ cli/
docs               common/ cli/ membership/core/ membership/data/data.h docs/
'

# allowed FOLDER: its prefixes; a strategy may use the harness and itself, never another strategy.
allowed()
{
	case $1 in
	workers/*) echo "common/ workers/worker.h workers/candset.h $1/" ;;
	*) echo "$rules" | awk -v dir="$1" '$1 == dir { $1 = ""; print }' ;;
	esac
}

bad=0
for dir in $(git ls-files '*.[ch]' | grep -v '^test/' | sed 's,/[^/]*$,,' | sort -u); do
	prefixes=$(allowed "$dir")
	if [ -z "$prefixes" ]; then
		echo "$dir: no rule in test/lint/includes.sh says what it may include"
		bad=1
		continue
	fi
	found=$(grep -nH '^#include "' "$dir"/*.[ch] | awk -F'[:"]' -v prefixes="$prefixes" '
		BEGIN { n = split(prefixes, p, " ") }
		{
			for (i = 1; i <= n; i++)
				if (index($4, p[i]) == 1)
					next
			print $1 ":" $2 ": may not include " $4
		}')
	if [ -n "$found" ]; then
		echo "$found"
		bad=1
	fi
done
exit $bad
