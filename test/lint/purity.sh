#!/bin/sh
# purity.sh LIBCORE LIBCOMMON: the core, and every object of common that it pulls in, calls nothing but libc's memory
# and string functions: no socket, no file, no clock, no randomness, no log.
set -eu
core=$1 common=$2
allowed='^(mem[a-z]+|str[a-z0-9_]+|v?snprintf|(c|re|m)alloc|free|qsort|bsearch|abort|to(lower|upper)|__ctype_[a-z_]+|__assert_fail|__stack_chk_fail|__(mem|str)[a-z]+_chk|__v?snprintf_chk|__isoc99_sscanf|_GLOBAL_OFFSET_TABLE_|__(asan|ubsan)_.*)$'

{
	nm -A -g "$core" | sed 's/^/core /'
	nm -A -g "$common" | sed 's/^/common /'
} | awk -v allowed="$allowed" '
	# A line: library, archive:object:address, type, symbol; without address when undefined.
	{
		split($2, part, ":")
		object = $1 "/" part[2]
		type = $(NF - 1)
		symbol = $NF
		if (type == "U" || type == "w") {
			needs[object] = needs[object] " " symbol
		} else {
			definer[symbol] = object
		}
		if ($1 == "core" && !(object in queued)) {
			queued[object] = 1
			queue[n++] = object
		}
	}
	END {
		if (!n) {
			print "no object of the core found"
			exit 1
		}
		for (i = 0; i < n; i++) {
			m = split(needs[queue[i]], need, " ")
			for (j = 1; j <= m; j++) {
				symbol = need[j]
				if (symbol in definer) {
					if (!(definer[symbol] in queued)) {
						queued[definer[symbol]] = 1
						queue[n++] = definer[symbol]
					}
				} else if (symbol !~ allowed) {
					print queue[i] ": the core may not call " symbol
					bad = 1
				}
			}
		}
		exit bad
	}'
