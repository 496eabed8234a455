# Plain GNU make, non-recursive. Everything built lands in build/ (build/asan, build/cov, build/fuzz for those modes).
# Objects are found by wildcard and programs link from archives, so a new file needs no line here. `make help` lists the
# targets; `make V=1` shows the commands.
ifeq ($(origin CC),default)
CC := gcc
endif
Q := $(if $(V),,@)
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc)
endif
MAKEFLAGS += --no-print-directory

PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
LIBEXECDIR := $(PREFIX)/libexec/clusterd

ifdef SAN
MODE := asan
B := build/asan
else ifdef COV
MODE := cov
B := build/cov
else ifdef MUTANTS
MODE := mutants
B := build/mutants
else ifdef FUZZ
MODE := fuzz
B := build/fuzz
CC := clang
else
MODE := release
B := build
endif

VERSION := 0.1.0
STD  := -std=c11 -D_GNU_SOURCE -I. -fPIE -fno-strict-aliasing -fno-common -fvisibility=hidden -g \
        -DCLUSTERD_VERSION='"$(VERSION)"' -DCLUSTERD_LIBEXECDIR='"$(LIBEXECDIR)"' -DCLUSTERD_SYSCONFDIR='"$(SYSCONFDIR)"'
WARN := -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wsign-conversion -Wcast-qual \
        -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wpointer-arith -Wundef \
        -Wwrite-strings -Wformat=2 -Wvla -Walloca -Wimplicit-fallthrough \
        -Wnull-dereference -Wdouble-promotion -Wredundant-decls
ifeq ($(findstring clang,$(CC)),)
WARN += -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wjump-misses-init -Wformat-signedness \
        -Wcast-align=strict
endif
HARD   := -fstack-protector-strong -fstack-clash-protection -fcf-protection=full
LDHARD := -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed
SANITIZE := address,undefined
OPT_release := -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 $(HARD)
OPT_asan    := -O1 -fno-omit-frame-pointer -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -DCLUSTERD_SANITIZED
OPT_fuzz    := $(OPT_asan) -fsanitize=fuzzer-no-link
OPT_mutants := -O2 -DCORE_MUTANTS
OPT_cov     := -O0 --coverage
LINK_asan   := -fsanitize=$(SANITIZE)
LINK_fuzz   := -fsanitize=$(SANITIZE)
LINK_cov    := --coverage
ALL_CFLAGS  := $(STD) $(WARN) $(OPT_$(MODE)) $(CFLAGS)
ALL_LDFLAGS := $(LDHARD) $(LINK_$(MODE)) $(LDFLAGS)
LIBS        := -lev -lmsgpackc -linih -lcares -lssl -lcrypto -llmdb -lcurl -ljansson -lseccomp -pthread
CHECK_LIBS  := $(shell pkg-config --libs check 2>/dev/null)

obj = $(patsubst %.c,$(B)/%.o,$(wildcard $(1)))
COMMON     := $(call obj,common/*/*.c)
CORE       := $(call obj,membership/core/*.c membership/data/*.c)
SUPERVISOR := $(call obj,supervisor/*.c)
MEMBERSHIP := $(call obj,membership/*.c membership/net/*.c membership/store/*.c)
CLI        := $(call obj,cli/*.c)
HARNESS    := $(call obj,workers/*.c)
WORKERS    := $(patsubst workers/%/,%,$(wildcard workers/*/))

LIBEXEC  := $(B)/libexec/clusterd-membership $(WORKERS:%=$(B)/libexec/clusterd-worker-%)
PROGRAMS := $(B)/clusterd $(B)/clusterctl $(LIBEXEC)
UNIT     := $(patsubst test/unit/%.c,$(B)/unit/%,$(wildcard test/unit/test_*.c))
FUZZERS  := $(patsubst test/fuzz/%.c,$(B)/fuzz/%,$(wildcard test/fuzz/fuzz_*.c))

all: $(PROGRAMS)

# Compiler and flags of the objects in $(B); touched only when they change, and then everything is built anew.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' $(foreach f,$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS),'$(subst ','\'',$(f))') | cmp -s - $@ || \
		printf '%s\n' $(foreach f,$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS),'$(subst ','\'',$(f))') >$@
$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

# The commit is compiled into one file, and that only when it has changed.
COMMIT := $(shell git rev-parse --short=12 HEAD 2>/dev/null)
$(B)/common/base/version.o: ALL_CFLAGS += -DCLUSTERD_COMMIT='"$(COMMIT)"'
$(B)/common/base/version.o: $(B)/commit
$(B)/commit: FORCE
	@mkdir -p $(@D)
	@echo '$(COMMIT)' | cmp -s - $@ || echo '$(COMMIT)' >$@

# Archives, so that each program links only the objects that it uses (--as-needed then drops the libraries).
define ARCHIVE
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)ar rcs $@ $^
endef
$(B)/libcommon.a: $(COMMON)
	$(ARCHIVE)
$(B)/libcore.a: $(CORE)
	$(ARCHIVE)
$(B)/libharness.a: $(HARNESS)
	$(ARCHIVE)

define LINK
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
endef
$(B)/clusterd: $(SUPERVISOR) $(B)/libcommon.a
	$(LINK)
$(B)/clusterctl: $(CLI) $(B)/libcommon.a
	$(LINK)
$(B)/libexec/clusterd-membership: $(MEMBERSHIP) $(B)/libcore.a $(B)/libcommon.a
	$(LINK)
define WORKER_RULE
$(B)/libexec/clusterd-worker-$(1): $(call obj,workers/$(1)/*.c) $(B)/libharness.a $(B)/libcommon.a
	$$(LINK)
endef
$(foreach w,$(WORKERS),$(eval $(call WORKER_RULE,$(w))))

# Tests link against everything but the programs' mains.
TESTABLE = $(filter-out %/main.o,$(SUPERVISOR) $(MEMBERSHIP) $(CLI) $(call obj,workers/*.c workers/*/*.c))
TEST_LIBS = $(B)/libtestable.a $(B)/libcore.a $(B)/libcommon.a
$(B)/libtestable.a: $(TESTABLE)
	$(ARCHIVE)
$(B)/unit/%: $(B)/test/unit/%.o $(TEST_LIBS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) $(CHECK_LIBS)

# Workers that try what their sandbox forbids (test/integration/test_discovery_sandbox.py).
$(B)/probe_worker: $(B)/test/probe/probe_worker.o $(TEST_LIBS)
	$(LINK)

# A wrong wall clock for one process (test/integration/test_clock.py).
$(B)/skewed_clock.so: test/probe/skewed_clock.c $(B)/flags
	$(Q)$(CC) $(ALL_CFLAGS) -fPIC -shared -o $@ $<

# The load generator of the benchmarks; etcd's gRPC is HTTP/2.
$(B)/kv_load: $(call obj,test/bench/kv_load*.c) $(B)/libcommon.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lnghttp2

# A fuzz target: with FUZZ=1 on libFuzzer, else with a main that replays the files named on its command line.
ifdef FUZZ
$(B)/fuzz/%: $(B)/test/fuzz/%.o $(TEST_LIBS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS)
else
$(B)/fuzz/%: $(B)/test/fuzz/%.o $(B)/test/fuzz/replay.o $(TEST_LIBS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
endif

# The simulator of the core: whole cores, virtual time. Its parts have unit tests of their own.
# What a process holds is weighed as it is freed (test/sim/held.c).
SIM_WRAP := -Wl,--wrap=free
SIM := $(call obj,test/sim/*.c) $(B)/membership/shared_view.o
$(B)/sim: $(SIM) $(B)/libcore.a $(B)/libcommon.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) $(SIM_WRAP) -o $@ $^ -lxxhash
SIM_UNIT := $(filter $(B)/unit/test_sim%,$(UNIT))
$(SIM_UNIT): $(B)/unit/%: $(B)/test/unit/%.o $(filter-out %/main.o,$(SIM)) $(B)/libcore.a $(B)/libcommon.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) $(SIM_WRAP) -o $@ $^ -lxxhash $(CHECK_LIBS)

# What a change costs a node of 10 000 (test/bench/view.c).
$(B)/bench/view: $(B)/test/bench/view.o $(B)/libcore.a $(B)/libcommon.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lxxhash -lm

# --- front door

help:
	@echo 'make            build the programs into build/'
	@echo 'make demo       install what is missing, build, run a cluster of three on loopback'
	@echo 'make test       install what is missing, build, run every test (test-long: also the slow ones)'
	@echo 'make install    DESTDIR= PREFIX=$(PREFIX) SYSCONFDIR=$(SYSCONFDIR)'
	@echo 'make deps       install what building, testing and linting need (apt or dnf)'
	@echo 'make lint       install what is missing, check style, includes, scripts, pages; clang-tidy, cppcheck'
	@echo 'make unit | sim | scale | scale-long | mutants | integration | fuzz-replay | fuzz FUZZ_SECONDS=60'
	@echo 'make bench      the figures of design §12: bench-membership (NODES=3), bench-workers, bench-kv beside etcd (BENCH=options)'
	@echo 'make docs       renews the parts of docs/ and packaging/man/ that are made from tables'
	@echo 'make format clean'
	@echo 'SAN=1: ASan and UBSan, in build/asan. COV=1: coverage, in build/cov. CC=clang. V=1: show commands.'

deps:
	@packaging/deps.sh build test lint
deps-build:
	@packaging/deps.sh build
deps-test:
	@packaging/deps.sh build test
deps-bench:
	@packaging/deps.sh build test bench

# What was just installed is found by a fresh make.
demo: deps-build
	@$(MAKE) all
	@test/demo.sh
# + hands the makes inside their share of the jobs.
test: deps-test
	+@test/run.sh
test-long: deps-test
	+@test/run.sh long

# The configuration never over what an operator has written.
install: all
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(LIBEXECDIR) $(DESTDIR)$(SYSCONFDIR)/clusterd/conf.d
	install $(B)/clusterd $(DESTDIR)$(PREFIX)/sbin/
	install $(B)/clusterctl $(DESTDIR)$(PREFIX)/bin/
	install $(LIBEXEC) $(DESTDIR)$(LIBEXECDIR)/
	install -d $(DESTDIR)$(PREFIX)/share/man/man5 $(DESTDIR)$(PREFIX)/share/man/man8
	install -m 644 $(wildcard packaging/man/*.5) $(DESTDIR)$(PREFIX)/share/man/man5/
	install -m 644 $(wildcard packaging/man/*.8) $(DESTDIR)$(PREFIX)/share/man/man8/
	for f in $(wildcard conf/*.conf); do \
		[ -e "$(DESTDIR)$(SYSCONFDIR)/clusterd/$${f##*/}" ] || \
			install -m 640 "$$f" "$(DESTDIR)$(SYSCONFDIR)/clusterd/"; done

# --- tests, one by one

unit: $(UNIT)
	@test/unit/run.sh $(UNIT)
fuzz-replay: $(FUZZERS)
	@test/fuzz/replay.sh $(FUZZERS)
SEEDS ?= 2000
sim: $(B)/sim
	@$(B)/sim --all --corpus test/sim/corpus.txt --jobs $(shell nproc) --seeds $(SEEDS)
# Large clusters: until all agree after each disaster, within design section 12's bounds, and what is said meanwhile.
scale: $(B)/sim
	@test/sim/scale.sh $(B)/sim '10 --rest 10' '30 --rest 10' '100 --scenario heal --rest 10' \
		'2000 --whole 10 --rest 3'
scale-long: $(B)/sim $(B)/bench/view
	@$(B)/bench/view
	@test/sim/scale.sh $(B)/sim 100 '1000 --rest 25' '10000 --whole 100 --rest 5'
# Each deliberate fault of the core must be noticed by the simulator within the seeds of `make test`.
mutants:
	@$(MAKE) MUTANTS=1 build/mutants/sim
	@test/sim/mutants.sh build/mutants/sim $(SEEDS)
integration: all $(B)/probe_worker $(B)/skewed_clock.so
	@test/integration/run --build $(B) $(PYTEST)
# One behind the other: each wants the machine for itself.
bench:
	@$(MAKE) bench-membership
	@$(MAKE) bench-workers
	@$(MAKE) bench-kv
NODES ?= 3
bench-membership: all
	@test/bench/run membership --build $(B) --nodes $(NODES)
bench-workers: deps-test
	@$(MAKE) all
	@test/bench/run workers --build $(B)
bench-kv: deps-bench
	@$(MAKE) all $(B)/kv_load
	@test/bench/run kv --build $(B) $(BENCH)
FUZZ_SECONDS ?= 60
fuzz:
	@$(MAKE) FUZZ=1 fuzzers
	@test/fuzz/fuzz.sh build/fuzz/fuzz $(FUZZ_SECONDS)
fuzzers: $(FUZZERS)

lint: deps
	@$(MAKE) lint-all
lint-all: lint-format lint-includes lint-core lint-cppcheck lint-tidy lint-scripts lint-docs
C_FILES = $(shell git ls-files '*.[ch]')
lint-format:
	@clang-format --dry-run -Werror $(C_FILES)
lint-includes:
	@test/lint/includes.sh
lint-core: $(B)/libcore.a $(B)/libcommon.a
	@test/lint/purity.sh $^
lint-cppcheck:
	@cppcheck --quiet --error-exitcode=1 --inline-suppr --enable=warning,performance,portability \
		--suppressions-list=test/lint/cppcheck.suppressions -j$(shell nproc) -D_GNU_SOURCE -I. \
		$(filter %.c,$(C_FILES))
TIDY := $(patsubst %.c,build/tidy/%,$(wildcard common/*/*.c supervisor/*.c membership/*.c membership/*/*.c \
        cli/*.c workers/*.c workers/*/*.c docs/*.c))
lint-tidy: $(TIDY)
build/tidy/%: %.c .clang-tidy $(wildcard */*.h */*/*.h)
	@mkdir -p $(@D)
	$(Q)clang-tidy --quiet $< -- $(STD) 2>$@.log || { cat $@.log; exit 1; }
	@touch $@
lint-scripts:
	@shellcheck .ci/run $(shell git ls-files "*.sh") test/integration/run test/bench/run

# Pages with parts that are made from the programs' own tables.
PAGES := $(wildcard docs/*.md packaging/man/*.[58])
$(B)/tables: $(call obj,docs/*.c) $(filter-out %/main.o,$(CLI)) $(B)/libcommon.a
	$(LINK)
docs: $(B)/tables $(B)/sim
	@$< $(PAGES)
	@test/sim/example.sh $(B)/sim docs/protocol.md
lint-docs: $(B)/tables
	@$< --check $(PAGES)
	@! mandoc -T lint -W style $(filter packaging/man/%,$(PAGES)) 2>&1 | grep -v 'referenced manual not found\|outdated mandoc.db'

format:
	clang-format -i $(C_FILES)
clean:
	rm -rf build
FORCE:
.PHONY: mutants all help deps deps-build deps-test deps-bench demo test test-long install unit fuzz-replay sim scale scale-long integration bench bench-membership bench-workers bench-kv fuzz \
	fuzzers docs lint lint-all lint-format lint-includes lint-core lint-cppcheck lint-tidy lint-scripts lint-docs format clean FORCE
.SECONDARY:
-include $(shell find $(B) -name '*.d' 2>/dev/null)
