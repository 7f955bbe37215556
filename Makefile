# Build, test and install cpp, a Lua extension for the Azure Cloud Partner Portal.
#
# `make help` lists the targets; the variables below may be given on the command line.

LUA_VERSION ?= 5.4
PREFIX      ?= /usr/local
DESTDIR     ?=
LUADIR      ?= $(PREFIX)/share/lua/$(LUA_VERSION)
LIBDIR      ?= $(PREFIX)/lib/lua/$(LUA_VERSION)
BINDIR      ?= $(PREFIX)/bin
COMPLETIONS ?= $(PREFIX)/share/bash-completion/completions
ZSH_COMPLETIONS  ?= $(PREFIX)/share/zsh/site-functions
FISH_COMPLETIONS ?= $(PREFIX)/share/fish/vendor_completions.d
MANDIR      ?= $(PREFIX)/share/man

LUA         ?= lua$(LUA_VERSION)
CC          ?= cc
CFLAGS      ?= -O2 -g
# epoll on Linux, curl_multi_poll elsewhere; `POLLER=poll` builds the second anywhere.
POLLER      ?= $(if $(filter Linux,$(shell uname -s)),epoll,poll)
# `make lint` sets -Werror. An installation does not: a newer compiler may have new warnings.
WERROR      ?=
# Where the module is built. A build with other flags gets another directory.
BUILD       ?= build

LUA_CFLAGS  ?= $(shell pkg-config --cflags lua$(LUA_VERSION) 2>/dev/null || echo -I/usr/include/lua$(LUA_VERSION))
# The argument of pkg-config: libcurl's name, or the .pc file of another libcurl.
CURL        ?= libcurl
CURL_CFLAGS ?= $(shell pkg-config --cflags $(CURL) 2>/dev/null)
CURL_LIBS   ?= $(shell pkg-config --libs $(CURL) 2>/dev/null || echo -lcurl)

VERSION     := $(shell packaging/version)
WARNINGS     = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
               -Wmissing-prototypes $(WERROR)
DEFINITIONS  = -D_GNU_SOURCE -DLCPP_VERSION='"$(VERSION)"' -DLCPP_POLLER='"$(POLLER)"'
# Checked copies, unless a level of them is given: they need an optimising compiler, and get in the way of
# the sanitizers, which check more.
FORTIFY      = $(if $(filter -fsanitize=% -D_FORTIFY_SOURCE=%,$(CPPFLAGS) $(CFLAGS)),,\
               $(if $(filter -O1 -O2 -O3 -Os,$(CFLAGS)),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2))
# Hidden, so that only luaopen_cpp_core is exported. nodelete: a resolver thread of libcurl may
# outlive the Lua state, and must not find its code unmapped.
MODULE_CFLAGS  = -std=c11 -fPIC -fvisibility=hidden -fstack-protector-strong $(FORTIFY) $(WARNINGS) \
                 $(DEFINITIONS) $(LUA_CFLAGS) $(CURL_CFLAGS)
MODULE_LDFLAGS = -shared -Wl,-z,nodelete -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack

SOURCES = buffer characters endpoint engine engine_poller_$(POLLER) json lua_body lua_client lua_command lua_headers \
          lua_json lua_misuse lua_module lua_options lua_request lua_snapshot lua_start lua_text redact redact_search \
          response_framing response_outcome transfer transfer_callbacks transfer_socket url
OBJECTS = $(SOURCES:%=$(BUILD)/obj/%.o)
MODULE  = $(BUILD)/cpp/core.so
LUA_FILES = $(shell cd lua && find cpp -name '*.lua')
EMULATOR_FILES = $(shell cd emulator && find cpp -name '*.lua')
LUA_DIRECTORIES = cpp/emulator $(shell cd lua && find cpp -depth -type d)

.PHONY: all bench check clean coverage deb demo deps doc examples faults fuzz gc harness help install install-command \
        install-emulator install-files lint mutants oom peers release rock sanitize secrets soak syscalls systems test tsan uninstall \
        valgrind versions
.DELETE_ON_ERROR:

# Runs checks, which print TAP: -v shows each with its figures.
PROVE       ?= prove -v

all: $(MODULE) ## build the C module into build/

$(MODULE): $(OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(MODULE_LDFLAGS) $(LDFLAGS) -o $@ $(OBJECTS) $(CURL_LIBS) -lpthread

# Reports a missing header in one line, with its package, before the compiler fails on it.
REQUIREMENTS = CC="$(CC)" CPPFLAGS="$(CPPFLAGS)" LUA="$(LUA)" LUA_VERSION="$(LUA_VERSION)" \
               LUA_CFLAGS="$(LUA_CFLAGS)" CURL_CFLAGS="$(CURL_CFLAGS)" packaging/requirements

$(BUILD)/requirements: packaging/requirements Makefile
	@$(REQUIREMENTS) build
	@mkdir -p $(@D) && touch $@

# The Makefile is a prerequisite because it has the flags, and version.lua because it has the version.
$(BUILD)/obj/%.o: csrc/%.c Makefile lua/cpp/version.lua | $(BUILD)/requirements
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(MODULE_CFLAGS) -MMD -MP -c -o $@ $<

-include $(OBJECTS:.o=.d)

# The host program of examples/embed, with a Lua state of its own.
LUA_LIBS ?= $(shell pkg-config --libs lua$(LUA_VERSION) 2>/dev/null || echo -llua$(LUA_VERSION))

examples: $(BUILD)/embed ## build the embedding example in C

$(BUILD)/embed: examples/embed/embed.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -std=c11 $(WARNINGS) -D_GNU_SOURCE $(LUA_CFLAGS) $(LDFLAGS) -o $@ $< $(LUA_LIBS)

# A host program in which calls of the C library fail: torture/harness. It exports its own versions of these functions,
# which take precedence. libcurl is loaded with it, so that the functions behind them are found.
HARNESS = $(wildcard torture/harness/*.c)

harness: $(BUILD)/harness

$(BUILD)/harness: $(HARNESS) torture/harness/harness.h Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -std=c11 $(WARNINGS) -D_GNU_SOURCE $(LUA_CFLAGS) $(CURL_CFLAGS) $(LDFLAGS) -rdynamic \
	  -Wl,--no-as-needed -o $@ $(HARNESS) $(LUA_LIBS) $(CURL_LIBS) -lpthread -ldl

bench: deps all ## measure the module, raw libcurl and other clients: build/bench/results.md (about ten minutes)
	@.ci/deps gnuplot-nox curl
	@bench/run

deps: ## install missing packages (Debian), or list them
	@.ci/deps

demo: deps ## cancel the publishing of an offer on the portal emulator, from start to end
	@$(MAKE) -s --no-print-directory all
	@spec/support/demo

# What the specs need, compiled on all processors.
QUICKLY = @$(MAKE) -s --no-print-directory -j$(shell nproc)

test: deps ## run every spec, with both pollers (about a minute); a single one: busted spec/unit/retry_spec.lua
	$(QUICKLY) all examples
	$(QUICKLY) POLLER=poll BUILD=build/poll
	@spec/support/specs

check: lint test ## run before a commit: lint, and every spec (about two minutes)

doc: deps ## make doc/reference.md from lua/cpp/types/, and web pages of doc/ in build/doc/
	@.ci/deps mkdocs mkdocs-material graphviz gnuplot-nox
	@doc/generate/build

lint: deps ## run luacheck, gcc and clang with warnings as errors, three static analysers, and check the formatting
	@.ci/lint --list | prove -j $(shell nproc) --exec .ci/lint -

faults: deps ## run the specs of every fault of doc/faults.md
	@$(MAKE) -s --no-print-directory all
	@spec/support/specs spec/faults

gc: deps ## run the specs under the sanitizers, with full garbage collections while the core runs
	@COLLECT_EVERY="10 100" $(PROVE) torture/checks/sanitize

sanitize: deps ## run the specs under the sanitizers for addresses, undefined behaviour and leaks
	@$(PROVE) torture/checks/sanitize

tsan: deps ## run Lua states on several threads, under the thread sanitizer
	@$(PROVE) torture/checks/tsan

oom: deps ## make each allocation fail (an hour; OOM_POINTS=20: minutes)
	@$(PROVE) torture/checks/sweep :: $(or $(OOM_POINTS),0)

secrets: deps ## search the memory that the module frees for tokens, secrets and e-mail addresses
	@$(PROVE) torture/checks/secrets
	@POLLER=poll $(PROVE) torture/checks/secrets :: 0 none # its own allocations hold no text

syscalls: deps ## make each system call fail, with each relevant error (SYSCALL_POINTS=1: a minute)
	@$(PROVE) torture/checks/syscalls
	@$(PROVE) torture/checks/sweep :: $(or $(SYSCALL_POINTS),0) calls
	@POLLER=poll $(PROVE) torture/checks/sweep :: $(or $(SYSCALL_POINTS),0) calls

valgrind: deps ## run calls of every outcome under valgrind's memcheck
	@$(PROVE) torture/checks/valgrind

# The required percentages: lines and branches of csrc/, lines of lua/.
coverage: deps ## measure the lines and branches that the specs run: build/coverage/report.txt, index.html
	@$(PROVE) torture/coverage/measure :: 99 94.5 99

fuzz: deps ## fuzz each target for SECONDS (default 25)
	@$(PROVE) torture/fuzz/fuzz :: $(SECONDS)

mutants: deps ## check that the specs detect SAMPLE (300) random changes of csrc/ (LAYER=lua: lua/cpp/; an hour)
	@torture/mutants/mutate $(or $(LAYER),c) --sample "$(or $(SAMPLE),300)" --seed "$(or $(SEED),1)"

peers: deps ## run against other servers: Azure's test servers and token services (npm), installed web servers and proxies
	@$(MAKE) -s --no-print-directory all
	@$(PROVE) spec/peers/peers

systems: ## run make demo and make test in fresh systems of Debian 13 and sid, in build/systems (needs root)
	@$(PROVE) .ci/systems

versions: deps ## run the specs with Lua 5.5, except those that need modules it lacks
	@$(PROVE) torture/versions/specs

soak: deps ## send REQUESTS (50000) cancels with random faults (SEED): each ends once, and memory does not grow
	@$(PROVE) torture/checks/soak :: $(or $(REQUESTS),50000) $(SEED)

install: install-files ## install into PREFIX, below DESTDIR (all variables: doc/install.md)
	@$(REQUIREMENTS) run || true

# For LuaRocks and packages, whose lua-cjson may not be in the path of LUA: without the check for it.
install-files: all install-command
	@for file in $(LUA_FILES); do \
	  install -D -m 644 lua/$$file $(DESTDIR)$(LUADIR)/$$file || exit 1; done
	install -D -m 755 $(MODULE) $(DESTDIR)$(LIBDIR)/cpp/core.so

# The command, its completions, and the manuals. The command runs with the Lua that the module was built for. The
# installed completions ask the command for its script, so they always fit its version.
install-command:
	@install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(COMPLETIONS) $(DESTDIR)$(ZSH_COMPLETIONS) $(DESTDIR)$(FISH_COMPLETIONS)
	sed '1s|lua5\.4$$|$(LUA)|' bin/cpp-portal >$(DESTDIR)$(BINDIR)/cpp-portal
	chmod 755 $(DESTDIR)$(BINDIR)/cpp-portal
	echo 'eval "$$(cpp-portal completion bash)"' >$(DESTDIR)$(COMPLETIONS)/cpp-portal
	printf '%s\n' '#compdef cpp-portal' 'eval "$$(cpp-portal completion zsh)"' >$(DESTDIR)$(ZSH_COMPLETIONS)/_cpp-portal
	echo 'cpp-portal completion fish | source' >$(DESTDIR)$(FISH_COMPLETIONS)/cpp-portal.fish
	chmod 644 $(DESTDIR)$(COMPLETIONS)/cpp-portal $(DESTDIR)$(ZSH_COMPLETIONS)/_cpp-portal \
	  $(DESTDIR)$(FISH_COMPLETIONS)/cpp-portal.fish
	install -D -m 644 doc/man/cpp-portal.1 $(DESTDIR)$(MANDIR)/man1/cpp-portal.1
	install -D -m 644 doc/man/cpp.3lua $(DESTDIR)$(MANDIR)/man3/cpp.3lua

install-emulator: ## install the portal emulator, for cpp-portal emulate
	@for file in $(EMULATOR_FILES); do \
	  install -D -m 644 emulator/$$file $(DESTDIR)$(LUADIR)/$$file || exit 1; done

uninstall: ## remove the installed files, with the same variables
	rm -f $(DESTDIR)$(BINDIR)/cpp-portal $(DESTDIR)$(COMPLETIONS)/cpp-portal \
	  $(DESTDIR)$(ZSH_COMPLETIONS)/_cpp-portal $(DESTDIR)$(FISH_COMPLETIONS)/cpp-portal.fish \
	  $(DESTDIR)$(MANDIR)/man1/cpp-portal.1 $(DESTDIR)$(MANDIR)/man3/cpp.3lua
	@for file in $(LUA_FILES) $(EMULATOR_FILES); do rm -f $(DESTDIR)$(LUADIR)/$$file || exit 1; done
	rm -f $(DESTDIR)$(LIBDIR)/cpp/core.so
	@for directory in $(LUA_DIRECTORIES:%=$(DESTDIR)$(LUADIR)/%) $(DESTDIR)$(LIBDIR)/cpp; do \
	  if [ -d $$directory ]; then rmdir --ignore-fail-on-non-empty $$directory || exit 1; fi; done

rock: ## make source rocks of the current commit, in build/rock/
	@packaging/rock

release: ## check that VERSION=x.y.z can be released, and make its files in build/release/
	@packaging/release $(VERSION)

deb: ## build the Debian packages, in build/deb/
	@packaging/deb

clean: ## remove build/
	rm -rf build

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)$$/  make \1\t\2/p' Makefile | expand -t 26
