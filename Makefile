# The whole package is in build/ after "make"; "make help" lists the targets.
# Needs GNU make. ./configure is optional: what it finds stands in config.mk.

-include config.mk

VERSION := $(strip $(file <VERSION))

# Deferred, because "make run" and "make test" may install Tcl's files first.
ask = $(shell TCL_CONFIG='$(TCL_CONFIG)' CC='$(CC)' tools/tcl-config $(1))
need = $(or $(call ask,$(1)),$(error Tcl is missing: "tools/setup run" helps))

GO ?= go
TCLSH ?= $(call need,tclsh)
CFLAGS ?= -O2 -g
WERROR ?= -Werror
BUILD ?= build
PORT ?= 8888

PREFIX ?= $(call need,prefix)
libdir ?= $(PREFIX)/lib
mandir ?= $(PREFIX)/share/man
docdir ?= $(PREFIX)/share/doc/socketserver
INSTALL ?= install
pkgdir = $(DESTDIR)$(or $(PKGROOT),$(call need,packages '$(libdir)'))/socketserver$(VERSION)
manndir = $(DESTDIR)$(mandir)/mann
exampledir = $(DESTDIR)$(docdir)/examples

# go reads CGO_CFLAGS itself, without a shell: quotes inside stay as they are.
# Go's own C has unused parameters, and gets the same flags.
cflags = $(CFLAGS) -Wall -Wextra -Wno-unused-parameter $(WERROR) \
	$(call need,include) -DUSE_TCL_STUBS -DPACKAGE_VERSION="$(VERSION)" \
	$(SANITIZE)
ldflags = $(LDFLAGS) $(call need,stubs) $(SANITIZE)
goenv = CGO_ENABLED=1 CC='$(CC)' CGO_CFLAGS='$(cflags)' CGO_LDFLAGS='$(ldflags)'
tclenv = TCLLIBPATH="{$(abspath $(BUILD))} $$TCLLIBPATH" \
	SOCKETSERVER_BUILD='$(abspath $(BUILD))'
manpages = doc/socketserver.n doc/socketserver_pool.n
examples = $(sort $(wildcard examples/*.tcl))
tclfiles := $(sort $(notdir $(wildcard library/*.tcl)))
sources := $(sort $(filter-out %_test.go,$(wildcard \
	$(foreach dir,tclext worker process internal/*,$(addprefix $(dir)/,*.go *.c *.h)))))
package = $(addprefix $(BUILD)/,libsocketserver.so pkgIndex.tcl $(tclfiles))
setup = CC='$(CC)' GO='$(GO)' TCL_CONFIG='$(TCL_CONFIG)' tools/setup
submake = $(MAKE) --no-print-directory

.PHONY: all build run test check test-asan bench install uninstall clean \
	distclean help

all: build

build: $(package) ## the complete package, in build/ (the default)

# Also built anew: with other flags, and when a source has gone. But for an
# installation alone flags don't count: root may have others, and no Go.
parts := : $(sources) $(tclfiles) :
flags := $(CC) : $(CFLAGS) : $(LDFLAGS) : $(SANITIZE) : $(TCL_CONFIG)
same := $(parts) $(if $(filter-out install,$(or $(MAKECMDGOALS),build)),$(flags))
ifeq ($(findstring $(strip $(same)),$(strip $(file <$(BUILD)/madeof))),)
$(BUILD)/libsocketserver.so $(BUILD)/pkgIndex.tcl: again
endif
.PHONY: again

$(BUILD)/.:
	@mkdir -p '$@'

$(BUILD)/libsocketserver.so: $(sources) go.mod go.sum VERSION Makefile | $(BUILD)/.
	$(file >$(BUILD)/madeof.new,$(parts) $(flags))
	$(goenv) $(GO) build -trimpath -buildvcs=false -buildmode=c-shared -o '$@' ./tclext
	@rm -f '$(BUILD)/libsocketserver.h'
	@mv '$(BUILD)/madeof.new' '$(BUILD)/madeof'

$(BUILD)/pkgIndex.tcl: pkgIndex.tcl.in VERSION Makefile | $(BUILD)/.
	@sed -e 's|@PACKAGE_VERSION@|$(VERSION)|' -e 's|@TCL_FILES@|$(filter-out load.tcl,$(tclfiles))|' \
	    pkgIndex.tcl.in >'$@.new'
	@mv '$@.new' '$@'

$(addprefix $(BUILD)/,$(tclfiles)): $(BUILD)/%: library/% | $(BUILD)/.
	@cp '$<' '$@'

# make expands a whole recipe before it runs the first line of it. What wants to
# know where Tcl is has a recipe of its own, run when setup has done its work.

run: ## what is missing, build, then the echo server on PORT (8888)
	@$(setup) run
	@$(submake) build
	@exec $(submake) run-only

test: ## what is missing, build, then every test; TESTFLAGS go to tcltest
	@$(setup) test
	@$(submake) build load
	@$(submake) test-only

check: ## style, static analysis, the fork rule; STEPS= for some
	@$(setup) check
	@$(submake) check-only WERROR=-Werror

.PHONY: run-only test-only check-only
run-only:
	@exec env $(tclenv) $(TCLSH) tests/echo_server.tcl $(PORT)

test-only:
	CGO_ENABLED=1 $(GO) test -race ./internal/... ./tests/load/...
	$(goenv) $(GO) test ./worker/...
	@$(tclenv) $(TCLSH) tests/all.tcl $(TESTFLAGS)

check-only:
	@$(goenv) GO='$(GO)' TCL_CONFIG='$(TCL_CONFIG)' tools/check $(STEPS)

# What the Tcl tests load a server with.
.PHONY: load
load: $(BUILD)/load

$(BUILD)/load: $(wildcard tests/load/*.go tests/load/client/*.go) go.mod go.sum Makefile | $(BUILD)/.
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -o '$@' ./tests/load/client

test-asan: ## the Tcl tests with the C side under AddressSanitizer
	@$(setup) test
	@$(submake) build load BUILD=build-asan CFLAGS='-O1 -g -fno-omit-frame-pointer' \
	    SANITIZE=-fsanitize=address
	@$(submake) run-asan BUILD=build-asan

.PHONY: run-asan
run-asan:
	@$(tclenv) CC='$(CC)' tools/asan $(TCLSH) tests/all.tcl $(TESTFLAGS)

bench: build ## the benchmarks; BENCH=name for one
	@if [ -f bench/Makefile ]; then \
	    $(submake) -C bench run BENCH='$(BENCH)'; \
	else \
	    echo 'no benchmarks here'; \
	fi

install: build ## PREFIX= for another place than Tcl's own, DESTDIR= to stage
	$(INSTALL) -d '$(pkgdir)' '$(manndir)' '$(exampledir)'
	$(INSTALL) -m 755 '$(BUILD)/libsocketserver.so' '$(pkgdir)'
	$(INSTALL) -m 644 $(addprefix '$(BUILD)'/,pkgIndex.tcl $(tclfiles)) '$(pkgdir)'
	$(INSTALL) -m 644 $(manpages) '$(manndir)'
	$(INSTALL) -m 644 $(examples) '$(exampledir)'

uninstall: ## what install put there
	rm -rf '$(pkgdir)' '$(exampledir)'
	rm -f $(addprefix '$(manndir)'/,$(notdir $(manpages)))
	rmdir '$(dir $(exampledir))' 2>/dev/null || :

clean: ## what make left
	rm -rf build build-asan

distclean: clean ## what configure and autoreconf left, too
	rm -rf autom4te.cache aclocal.m4 configure configure~ config.log \
	    config.status config.mk

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/make \1\t\2/p' Makefile | expand -t 20
