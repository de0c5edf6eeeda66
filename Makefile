# The whole package is in build/ after "make"; "make help" lists the targets.
# Needs GNU make. ./configure is optional: what it finds stands in config.mk.

-include config.mk

VERSION := $(strip $(file <VERSION))

# The tclConfig.sh of each Tcl, 8.6 and 9; those that TCL_CONFIG names, in its
# order. The first is what "make run" takes, and whose places "make install"
# does. None yet is no error for who doesn't need one.
find = TCL_CONFIG='$(TCL_CONFIG)' CC='$(CC)' tools/tcl-config files
tcls := $(shell $(find) 2>/dev/null)
ask = $(if $(tcls),$(shell TCL_CONFIG='$(tcls)' tools/tcl-config $(1)))
need = $(or $(call ask,$(1)),$(error $(shell $(find) 2>&1); "tools/setup run" helps))
majors := $(call ask,majors)

GO ?= go
# What each is tested with; others may be named, and the first runs the servers.
TCLSH ?= $(or $(foreach major,$(majors),$(call ask,tclsh $(major))),$(call need,tclsh))
CFLAGS ?= -O2 -g
WERROR ?= -Werror
BUILD ?= build
PORT ?= 8888

PREFIX ?= $(call need,prefix)
bindir ?= $(PREFIX)/bin
libdir ?= $(PREFIX)/lib
datarootdir ?= $(PREFIX)/share
mandir ?= $(datarootdir)/man
docdir ?= $(datarootdir)/doc/socketserver
INSTALL ?= install
pkgdir = $(DESTDIR)$(or $(PKGROOT),$(call need,packages '$(libdir)'))/socketserver$(VERSION)
manndir = $(DESTDIR)$(mandir)/mann
man1dir = $(DESTDIR)$(mandir)/man1
exampledir = $(DESTDIR)$(docdir)/examples

# Where shells look for completions; zsh on Debian has a place of its own for
# what belongs to the system.
bashdir = $(DESTDIR)$(datarootdir)/bash-completion/completions
fishdir = $(DESTDIR)$(datarootdir)/fish/vendor_completions.d
zshdir = $(DESTDIR)$(datarootdir)/zsh/$(if $(filter /usr/share,$(datarootdir)),vendor-completions,site-functions)

# One source, a library for each major version of Tcl, of which $(1) is one.
lib8 = $(BUILD)/libsocketserver.so
lib9 = $(BUILD)/libtcl9socketserver.so
# For an installation alone neither flags count nor which Tcls there are, where
# something is built: root may have others, and no Go.
installing := $(if $(filter-out install,$(or $(MAKECMDGOALS),build)),,yes)
built = $(and $(installing),$(wildcard $(lib8) $(lib9)))
libs = $(or $(built),$(foreach major,$(majors),$(lib$(major))),$(lib8))

# go reads CGO_CFLAGS itself, without a shell: quotes inside stay as they are.
# Go's own C has unused parameters, and gets the same flags.
cflags = $(CFLAGS) -Wall -Wextra -Wno-unused-parameter $(WERROR) \
	$(call need,include $(1)) -DUSE_TCL_STUBS -DPACKAGE_VERSION="$(VERSION)" \
	$(SANITIZE)
ldflags = $(LDFLAGS) $(call need,stubs $(1)) $(SANITIZE)
goenv = CGO_ENABLED=1 CC='$(CC)' CGO_CFLAGS='$(cflags)' CGO_LDFLAGS='$(ldflags)' $(goflags$(1))
goflags9 = GOFLAGS="$$($(GO) env GOFLAGS) -tags=tcl9"
tclenv = TCLLIBPATH="{$(abspath $(BUILD))} $$TCLLIBPATH" \
	SOCKETSERVER_BUILD='$(abspath $(BUILD))'
manpages = doc/socketserver.n doc/socketserver_pool.n
programpages = doc/socketserverctl.1
examples = $(sort $(wildcard examples/*.tcl))
ways = $(sort $(wildcard examples/ways/*))
units = $(sort $(wildcard examples/systemd/*))
scraped = $(sort $(wildcard examples/prometheus/*))
tclfiles := $(sort $(notdir $(wildcard library/*.tcl)))
# What the program alone is made of, and what it shares with the library.
programdirs = $(addprefix internal/,answers exporter load)
shareddirs = $(addprefix internal/,board control counters descriptor listen supervise)
sources := $(sort $(filter-out %_test.go $(addsuffix /%,$(programdirs)),$(wildcard \
	$(foreach dir,tclext worker process internal/*,$(addprefix $(dir)/,*.go *.c *.h)))))
programsources := $(sort $(filter-out %_test.go,$(wildcard cmd/*/*.go \
	$(addsuffix /*.go,$(programdirs) $(shareddirs)) $(addprefix internal/exporter/*.,html css js svg))))
completions = $(addprefix $(BUILD)/completion.,bash zsh fish)
package = $(libs) $(addprefix $(BUILD)/,madeof pkgIndex.tcl $(tclfiles) socketserverctl) $(completions)
setup = CC='$(CC)' GO='$(GO)' TCL_CONFIG='$(TCL_CONFIG)' tools/setup
submake = $(MAKE) --no-print-directory

.PHONY: all build run test test-all tcl9-root check test-asan bench install \
	uninstall deb clean distclean help

all: build

build: $(package) ## the complete package, in build/ (the default)

# Also built anew: with other flags, and when a source has gone.
parts := : $(sources) $(programsources) $(tclfiles) :
flags := $(CC) : $(CFLAGS) : $(LDFLAGS) : $(SANITIZE) : $(TCL_CONFIG) :
ifeq ($(findstring $(strip $(parts) $(if $(installing),,$(flags))),$(strip $(file <$(BUILD)/madeof))),)
$(lib8) $(lib9) $(BUILD)/pkgIndex.tcl $(BUILD)/socketserverctl: again
endif
.PHONY: again

$(BUILD)/.:
	@mkdir -p '$@'

$(lib8): major = 8
$(lib9): major = 9
$(lib8) $(lib9): $(sources) go.mod go.sum VERSION Makefile | $(BUILD)/.
	$(call goenv,$(major)) $(GO) build -trimpath -buildvcs=false -buildmode=c-shared -o '$@' ./tclext
	@rm -f '$(@:so=h)'

# Written when all is compiled: it says that all of it is as it is. A library of
# a Tcl that has gone since would not be.
$(BUILD)/madeof: $(libs) $(BUILD)/socketserverctl
	$(file >$@.new,$(parts) $(flags))
	@rm -f $(filter-out $(libs),$(lib8) $(lib9))
	@mv '$@.new' '$@'

$(BUILD)/socketserverctl: $(programsources) go.mod go.sum VERSION Makefile | $(BUILD)/.
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)' \
	    -o '$@' ./cmd/socketserverctl

$(BUILD)/completion.%: $(BUILD)/socketserverctl
	@'$<' completion $* >'$@.new'
	@mv '$@.new' '$@'

$(BUILD)/pkgIndex.tcl: pkgIndex.tcl.in VERSION Makefile | $(BUILD)/.
	@sed -e 's|@PACKAGE_VERSION@|$(VERSION)|' -e 's|@TCL_FILES@|$(filter-out load.tcl,$(tclfiles))|' \
	    pkgIndex.tcl.in >'$@.new'
	@mv '$@.new' '$@'

$(addprefix $(BUILD)/,$(tclfiles)): $(BUILD)/%: library/% | $(BUILD)/.
	@cp '$<' '$@'

# make expands a whole recipe before it runs the first line of it. What wants to
# know where Tcl is has a recipe of its own, run when setup has done its work.

run: ## what is missing, build, then the echo server on PORT (8888); TCLSH= for another
	@$(setup) run
	@$(submake) build tclx
	@exec $(submake) run-only

test: ## what is missing, build, then every test on each Tcl; TESTFLAGS go to tcltest
	@$(setup) test
	@$(submake) build load
	@$(submake) test-only

tcl9-root: ## a Debian 13 with Tcl 9 to test in, outside of here (TCL9_ROOT=), once
	@$(setup) tcl9-root
	@exec env GO='$(GO)' tools/tcl9-root make

test-all: ## make test, and the same in that Debian at the same time
	@$(setup) test
	@$(submake) build load
	@exec env GO='$(GO)' TESTFLAGS='$(TESTFLAGS)' tools/test-all $(QUICK)

check: ## style, static analysis, the fork rule; STEPS= for some
	@$(setup) check
	@$(submake) check-only WERROR=-Werror

.PHONY: run-only test-only test-go test-tcl check-only
run-only:
	@exec env $(tclenv) $(firstword $(TCLSH)) tests/echo_server.tcl $(PORT)

test-only:
	@$(submake) test-go
	@$(submake) test-tcl

test-go:
	SOCKETSERVER_BUILD='$(abspath $(BUILD))' TCLSH='$(firstword $(TCLSH))' CGO_ENABLED=1 \
	    $(GO) test -race ./internal/... ./cmd/... ./tests/load/... ./tests/page/...
	$(foreach major,$(majors),$(call goenv,$(major)) $(GO) test ./worker/... ./process/... ./tclext/... &&) :

test-tcl:
	@exec env $(tclenv) TCLSH='$(TCLSH)' $(firstword $(TCLSH)) tests/all.tcl $(TESTFLAGS)

# All with the first Tcl, and what looks at the library with the other, too.
check-only: others = $(filter-out $(firstword $(majors)),$(majors))
check-only: again = $(if $(STEPS),$(filter $(STEPS),$(ofeach)),$(ofeach))
check-only:
	@$(call check,$(firstword $(majors))) $(STEPS)
	@$(if $(again),$(foreach major,$(others),TCL=$(major) $(call check,$(major)) $(again)),:)
check = $(call goenv,$(1)) GO='$(GO)' TCL_CONFIG='$(TCL_CONFIG)' tools/check
ofeach = warnings fork_rule entry

# What the Tcl tests have beside the package: a program that loads a server, and
# on Tcl 9, for which Debian 13 has no Tclx, one of their own.
.PHONY: load tclx
load: $(BUILD)/load tclx
tclx: $(and $(filter 9,$(majors)),$(wildcard tests/tclx/tclx.c),$(BUILD)/tclx/pkgIndex.tcl)
	@:

$(BUILD)/tclx/pkgIndex.tcl: $(wildcard tests/tclx/*) VERSION Makefile
	@mkdir -p '$(@D)'
	$(CC) $(call cflags,9) -fPIC -shared -o '$(@D)/libtcl9tclx.so' tests/tclx/tclx.c $(call ldflags,9)
	@cp tests/tclx/pkgIndex.tcl '$@'

$(BUILD)/load: $(wildcard tests/load/*.go tests/load/client/*.go) go.mod go.sum Makefile | $(BUILD)/.
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -o '$@' ./tests/load/client

test-asan: ## the Tcl tests with the C side under AddressSanitizer
	@$(setup) test
	@$(submake) build load BUILD=build-asan CFLAGS='-O1 -g -fno-omit-frame-pointer' \
	    SANITIZE=-fsanitize=address
	@$(submake) run-asan BUILD=build-asan

.PHONY: run-asan
run-asan:
	@exec env $(tclenv) TCLSH='$(TCLSH)' CC='$(CC)' tools/asan $(firstword $(TCLSH)) tests/all.tcl $(TESTFLAGS)

bench: build ## the benchmarks; BENCH=name for one
	@if [ -f bench/Makefile ]; then \
	    $(submake) -C bench run BENCH='$(BENCH)'; \
	else \
	    echo 'no benchmarks here'; \
	fi

install: build ## PREFIX= for another place than Tcl's own, DESTDIR= to stage
	$(INSTALL) -d '$(pkgdir)' '$(manndir)' '$(man1dir)' '$(exampledir)/systemd' '$(exampledir)/ways' \
	    '$(exampledir)/prometheus' '$(DESTDIR)$(bindir)' '$(bashdir)' '$(zshdir)' '$(fishdir)'
	$(INSTALL) -m 755 $(libs) '$(pkgdir)'
	$(INSTALL) -m 644 $(addprefix '$(BUILD)'/,pkgIndex.tcl $(tclfiles)) '$(pkgdir)'
	$(INSTALL) -m 755 '$(BUILD)/socketserverctl' '$(DESTDIR)$(bindir)'
	$(INSTALL) -m 644 '$(BUILD)/completion.bash' '$(bashdir)/socketserverctl'
	$(INSTALL) -m 644 '$(BUILD)/completion.zsh' '$(zshdir)/_socketserverctl'
	$(INSTALL) -m 644 '$(BUILD)/completion.fish' '$(fishdir)/socketserverctl.fish'
	$(INSTALL) -m 644 $(manpages) '$(manndir)'
	$(INSTALL) -m 644 $(programpages) '$(man1dir)'
	$(INSTALL) -m 644 $(examples) '$(exampledir)'
	$(INSTALL) -m 644 $(units) '$(exampledir)/systemd'
	$(INSTALL) -m 644 $(ways) '$(exampledir)/ways'
	$(INSTALL) -m 644 $(scraped) '$(exampledir)/prometheus'

uninstall: ## what install put there
	rm -rf '$(pkgdir)' '$(exampledir)'
	rm -f $(addprefix '$(manndir)'/,$(notdir $(manpages))) \
	    $(addprefix '$(man1dir)'/,$(notdir $(programpages))) \
	    '$(DESTDIR)$(bindir)/socketserverctl' '$(bashdir)/socketserverctl' \
	    '$(zshdir)/_socketserverctl' '$(fishdir)/socketserverctl.fish'
	rmdir '$(dir $(exampledir))' 2>/dev/null || :

deb: ## packages for this Debian, beside this directory (doc/deploy.md)
	dpkg-buildpackage -us -uc -b

clean: ## what make left
	rm -rf build build-asan

distclean: clean ## what configure and autoreconf left, too
	rm -rf autom4te.cache aclocal.m4 configure configure~ config.log \
	    config.status config.mk

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/make \1\t\2/p' Makefile | expand -t 20
