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

LUA         ?= lua$(LUA_VERSION)
CC          ?= cc
CFLAGS      ?= -O2 -g
# epoll on Linux, curl_multi_poll elsewhere; `POLLER=poll` builds the second anywhere.
POLLER      ?= $(if $(filter Linux,$(shell uname -s)),epoll,poll)
# Where the module is built. A build with other flags gets another directory.
BUILD       ?= build

LUA_CFLAGS  ?= $(shell pkg-config --cflags lua$(LUA_VERSION) 2>/dev/null || echo -I/usr/include/lua$(LUA_VERSION))
CURL_CFLAGS ?= $(shell pkg-config --cflags libcurl 2>/dev/null)
CURL_LIBS   ?= $(shell pkg-config --libs libcurl 2>/dev/null || echo -lcurl)

VERSION     := $(shell sed -n 's/^return "\(.*\)"$$/\1/p' lua/cpp/version.lua)
WARNINGS     = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
               -Wmissing-prototypes -Werror
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

SOURCES = body buf client clock endpoints http json module options outcome poller_$(POLLER) request slot \
          start transfer url
OBJECTS = $(SOURCES:%=$(BUILD)/obj/%.o)
MODULE  = $(BUILD)/cpp/core.so
LUA_FILES = $(shell cd lua && find cpp -name '*.lua')

.PHONY: all bench clean demo deps examples help install install-command lint sanitize soak test tsan uninstall valgrind
.DELETE_ON_ERROR:

all: $(MODULE) ## build the C module into build/

$(MODULE): $(OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(MODULE_LDFLAGS) $(LDFLAGS) -o $@ $(OBJECTS) $(CURL_LIBS) -lpthread

# The Makefile is a prerequisite because the version and the flags stand in it.
$(BUILD)/obj/%.o: csrc/%.c Makefile lua/cpp/version.lua
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(MODULE_CFLAGS) -MMD -MP -c -o $@ $<

-include $(OBJECTS:.o=.d)

# The host program of examples/embed, with a Lua state of its own.
LUA_LIBS ?= $(shell pkg-config --libs lua$(LUA_VERSION) 2>/dev/null || echo -llua$(LUA_VERSION))

examples: $(BUILD)/embed ## build the embedding example in C

$(BUILD)/embed: examples/embed/embed.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -std=c11 $(WARNINGS) -D_GNU_SOURCE $(LUA_CFLAGS) $(LDFLAGS) -o $@ $< $(LUA_LIBS)

bench: deps all ## measure against raw libcurl and others: build/bench/results.md (about ten minutes)
	@bench/run

deps: ## install what is missing (Debian), or say what it is
	@.ci/deps

demo: deps ## cancel an offer's publishing on the bundled portal emulator, start to end
	@$(MAKE) -s --no-print-directory all
	@spec/support/demo

test: deps ## run every spec
	@$(MAKE) -s --no-print-directory all
	@$(MAKE) -s --no-print-directory all POLLER=poll BUILD=build/poll
	@$(MAKE) -s --no-print-directory examples
	@spec/support/run

lint: deps ## luacheck, gcc and clang with warnings as errors, four static analysers, formatting
	@.ci/lint

sanitize: deps ## the specs under the sanitizers of addresses, undefined behaviour and leaks
	@spec/checks/run sanitize

tsan: deps ## Lua states on threads, under the sanitizer of threads
	@spec/checks/run tsan

valgrind: deps ## cancels of every ending under valgrind's memcheck
	@spec/checks/run valgrind

soak: deps ## many cancels: memory and descriptors stay as they are
	@spec/checks/run soak

install: all install-command ## install into DESTDIR, PREFIX (LUADIR, LIBDIR, BINDIR, COMPLETIONS)
	@for file in $(LUA_FILES); do \
	  install -D -m 644 lua/$$file $(DESTDIR)$(LUADIR)/$$file || exit 1; done
	install -D -m 755 $(MODULE) $(DESTDIR)$(LIBDIR)/cpp/core.so

# The command starts with the Lua that the module was built for. Its completion is made from its tables,
# for which the module itself is not needed.
install-command:
	@install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(COMPLETIONS)
	sed '1s|lua5\.4$$|$(LUA)|' bin/cpp-portal >$(DESTDIR)$(BINDIR)/cpp-portal
	chmod 755 $(DESTDIR)$(BINDIR)/cpp-portal
	LUA_PATH='lua/?.lua;lua/?/init.lua' $(LUA) -e 'io.write(require "cpp.command.completion"())' \
	  >$(DESTDIR)$(COMPLETIONS)/cpp-portal
	chmod 644 $(DESTDIR)$(COMPLETIONS)/cpp-portal

uninstall: ## remove what `make install` put there
	rm -f $(DESTDIR)$(BINDIR)/cpp-portal $(DESTDIR)$(COMPLETIONS)/cpp-portal
	@for file in $(LUA_FILES); do rm -f $(DESTDIR)$(LUADIR)/$$file; done
	rm -f $(DESTDIR)$(LIBDIR)/cpp/core.so
	-rmdir $(DESTDIR)$(LUADIR)/cpp/loop $(DESTDIR)$(LUADIR)/cpp/types $(DESTDIR)$(LUADIR)/cpp/command \
	  $(DESTDIR)$(LUADIR)/cpp $(DESTDIR)$(LIBDIR)/cpp 2>/dev/null

clean: ## remove what was built
	rm -rf build

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)$$/  make \1\t\2/p' Makefile | expand -t 20
