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
package = $(addprefix $(BUILD)/,libsocketserver.so pkgIndex.tcl $(tclfiles) socketserverctl) $(completions)
setup = CC='$(CC)' GO='$(GO)' TCL_CONFIG='$(TCL_CONFIG)' tools/setup
submake = $(MAKE) --no-print-directory

.PHONY: all build run test check test-asan bench install uninstall clean \
	distclean help

all: build

build: $(package) ## the complete package, in build/ (the default)

# Also built anew: with other flags, and when a source has gone. But for an
# installation alone flags don't count: root may have others, and no Go.
parts := : $(sources) $(programsources) $(tclfiles) :
flags := $(CC) : $(CFLAGS) : $(LDFLAGS) : $(SANITIZE) : $(TCL_CONFIG)
same := $(parts) $(if $(filter-out install,$(or $(MAKECMDGOALS),build)),$(flags))
ifeq ($(findstring $(strip $(same)),$(strip $(file <$(BUILD)/madeof))),)
$(BUILD)/libsocketserver.so $(BUILD)/pkgIndex.tcl $(BUILD)/socketserverctl: again
endif
.PHONY: again

$(BUILD)/.:
	@mkdir -p '$@'

# The last of what is compiled: what it writes says that all of it is as it is.
$(BUILD)/libsocketserver.so: $(sources) go.mod go.sum VERSION Makefile | $(BUILD)/. $(BUILD)/socketserverctl
	$(file >$(BUILD)/madeof.new,$(parts) $(flags))
	$(goenv) $(GO) build -trimpath -buildvcs=false -buildmode=c-shared -o '$@' ./tclext
	@rm -f '$(BUILD)/libsocketserver.h'
	@mv '$(BUILD)/madeof.new' '$(BUILD)/madeof'

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
	SOCKETSERVER_BUILD='$(abspath $(BUILD))' TCLSH='$(TCLSH)' CGO_ENABLED=1 \
	    $(GO) test -race ./internal/... ./cmd/... ./tests/load/... ./tests/page/...
	$(goenv) $(GO) test ./worker/... ./process/... ./tclext/...
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
	$(INSTALL) -d '$(pkgdir)' '$(manndir)' '$(man1dir)' '$(exampledir)/systemd' '$(exampledir)/ways' \
	    '$(exampledir)/prometheus' '$(DESTDIR)$(bindir)' '$(bashdir)' '$(zshdir)' '$(fishdir)'
	$(INSTALL) -m 755 '$(BUILD)/libsocketserver.so' '$(pkgdir)'
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

clean: ## what make left
	rm -rf build build-asan

distclean: clean ## what configure and autoreconf left, too
	rm -rf autom4te.cache aclocal.m4 configure configure~ config.log \
	    config.status config.mk

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/make \1\t\2/p' Makefile | expand -t 20
