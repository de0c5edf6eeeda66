# The whole package is in build/ after "make"; "make help" lists the targets.
# Needs GNU make. ./configure is optional: what it finds stands in config.mk.

-include config.mk

VERSION := $(shell cat VERSION)

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
INSTALL ?= install
pkgdir = $(DESTDIR)$(or $(PKGROOT),$(call need,packages '$(libdir)'))/socketserver$(VERSION)
manndir = $(DESTDIR)$(mandir)/mann

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
tclfiles = $(sort $(notdir $(wildcard library/*.tcl)))
setup = CC='$(CC)' GO='$(GO)' TCL_CONFIG='$(TCL_CONFIG)' tools/setup
submake = $(MAKE) --no-print-directory

.PHONY: all build run test check test-asan bench install uninstall clean \
	distclean help

all: build

build: ## the complete package, in build/ (the default)
	@mkdir -p '$(BUILD)'
	$(goenv) $(GO) build -trimpath -buildvcs=false -buildmode=c-shared \
	    -o '$(BUILD)/libsocketserver.so' ./tclext
	@rm -f '$(BUILD)/libsocketserver.h'
	@sed -e 's|@PACKAGE_VERSION@|$(VERSION)|' -e 's|@TCL_FILES@|$(tclfiles)|' \
	    pkgIndex.tcl.in >'$(BUILD)/pkgIndex.tcl.new'
	@mv '$(BUILD)/pkgIndex.tcl.new' '$(BUILD)/pkgIndex.tcl'
	@for file in $(tclfiles); do cp "library/$$file" '$(BUILD)' || exit; done

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

check: ## style, static analysis, other systems, the fork rule; STEPS= for some
	@$(setup) check
	@$(submake) check-only WERROR=-Werror

.PHONY: run-only test-only check-only
run-only:
	@exec env $(tclenv) $(TCLSH) tests/echo_server.tcl $(PORT)

test-only:
	CGO_ENABLED=1 $(GO) test -race ./internal/...
	$(goenv) $(GO) test ./worker/...
	@$(tclenv) $(TCLSH) tests/all.tcl $(TESTFLAGS)

check-only:
	@$(goenv) GO='$(GO)' TCL_CONFIG='$(TCL_CONFIG)' tools/check $(STEPS)

# What the Tcl tests load a server with.
.PHONY: load
load:
	@mkdir -p '$(BUILD)'
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -o '$(BUILD)/load' \
	    ./tests/load

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
	$(INSTALL) -d '$(pkgdir)' '$(manndir)'
	$(INSTALL) -m 755 '$(BUILD)/libsocketserver.so' '$(pkgdir)'
	$(INSTALL) -m 644 $(addprefix '$(BUILD)'/,pkgIndex.tcl $(tclfiles)) '$(pkgdir)'
	$(INSTALL) -m 644 $(manpages) '$(manndir)'

uninstall: ## what install put there
	rm -rf '$(pkgdir)'
	rm -f $(addprefix '$(manndir)'/,$(notdir $(manpages)))

clean: ## what make left
	rm -rf build build-asan

distclean: clean ## what configure and autoreconf left, too
	rm -rf autom4te.cache aclocal.m4 configure configure~ config.log \
	    config.status config.mk

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/make \1\t\2/p' Makefile | expand -t 20
