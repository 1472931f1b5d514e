# The two commands of the README are `make demo` and `make test`; both install what is missing.
SHELL := /bin/bash
PREFIX ?= /usr/local
# Where systemd looks for what the administrator installs; packages use /usr/lib/systemd/system.
UNITDIR ?= /etc/systemd/system
ZSHDIR ?= $(PREFIX)/share/zsh/site-functions
LAZARET := .build/release/lazaret
MANUAL := .build/manual
OUT := out
# One configuration for the program and the tests, so that everything is compiled once.
SWIFT_FLAGS := -c release -Xswiftc -enable-testing
SWIFT_GATE := --explicit-target-dependency-import-check error

.PHONY: help demo test sanitize build lint format captures manual docs strip install install-files uninstall deb package image dependencies clean

help:
	@echo "make demo      build, train on the clean sample capture, analyse the mixed one"
	@echo "make test      lint, build and run every test"
	@echo "make sanitize  every test under ThreadSanitizer and AddressSanitizer (an hour or so on two cores)"
	@echo "make build     build .build/release/lazaret"
	@echo "make docs      the documentation as a site in .build/site; a dead link is an error"
	@echo "make strip     strip the program; symbols go to a separate file"
	@echo "make install   program to $(PREFIX) (PREFIX=... to change), configuration, systemd unit, manual, completions"
	@echo "make uninstall remove what was installed, except configuration and state"
	@echo "make deb       Debian packages, the program and its symbols, in out/"
	@echo "make image     an OCI image with Podman, or Docker (ENGINE=docker): localhost/lazaret:VERSION"
	@echo "make captures  record the sample captures again, in network namespaces (root, 45 minutes)"
	@echo "make format    format the sources      make lint   check their format"

dependencies:
	@scripts/install-dependencies.sh

build: dependencies
	swift build $(SWIFT_FLAGS) --product lazaret $(SWIFT_GATE)

demo: build
	@scripts/demo.sh $(LAZARET)

test: build lint
	@scripts/install-dependencies.sh test || echo "tests that need what is missing will be skipped"
	swift build $(SWIFT_FLAGS) --build-tests $(SWIFT_GATE)
	LAZARET_BINARY=$(LAZARET) scripts/test.sh $(SWIFT_FLAGS)

# Every test under ThreadSanitizer, and then under AddressSanitizer; each is a build of its own. A report is a failure.
sanitize: dependencies
	scripts/sanitize.sh thread
	scripts/sanitize.sh address

lint:
	swift format lint --strict --recursive Sources Tests Package.swift
	@! LC_ALL=C.UTF-8 grep -rnE --include='*.swift' '^.{101}' Sources Tests Package.swift

format:
	swift format --in-place --recursive Sources Tests Package.swift

captures:
	captures/lab/record.sh

# Manual pages and completions are generated from the program's own help.
manual: build
	@command -v python3 >/dev/null || { echo "python3 is needed to write the manual: apt-get install python3" >&2; exit 1; }
	scripts/manual.py $(LAZARET) config/lazaret.yaml $(MANUAL)
	for shell in bash zsh fish; do $(LAZARET) --generate-completion-script $$shell > $(MANUAL)/$$shell; done

# Needs no Swift.
docs:
	@scripts/install-dependencies.sh docs
	.build/venv/bin/mkdocs build --strict
	@echo "the first page is .build/site/index.html"

# Makes $(LAZARET).stripped (the program to install) and $(LAZARET).debug (for debuggers).
strip: build
	scripts/split-symbols.sh $(LAZARET)

install: manual install-files

install-files:
	scripts/split-symbols.sh $(LAZARET)
	install -D -m 755 $(LAZARET).stripped $(DESTDIR)$(PREFIX)/bin/lazaret
	install -d -m 755 $(DESTDIR)/etc/lazaret $(DESTDIR)$(UNITDIR)
	test -e $(DESTDIR)/etc/lazaret/lazaret.yaml || install -m 644 config/lazaret.yaml $(DESTDIR)/etc/lazaret/lazaret.yaml
	sed 's|/usr/local/bin|$(PREFIX)/bin|' config/lazaret.service > $(DESTDIR)$(UNITDIR)/lazaret.service
	chmod 644 $(DESTDIR)$(UNITDIR)/lazaret.service
	install -D -m 644 config/lazaret.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/lazaret.conf
	install -D -m 644 $(MANUAL)/lazaret.1 $(DESTDIR)$(PREFIX)/share/man/man1/lazaret.1
	install -D -m 644 $(MANUAL)/lazaret.yaml.5 $(DESTDIR)$(PREFIX)/share/man/man5/lazaret.yaml.5
	install -D -m 644 $(MANUAL)/bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/lazaret
	install -D -m 644 $(MANUAL)/zsh $(DESTDIR)$(ZSHDIR)/_lazaret
	install -D -m 644 $(MANUAL)/fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/lazaret.fish
	@test -n "$(DESTDIR)" || echo "next: systemd-sysusers && systemctl daemon-reload && systemctl enable --now lazaret"

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/lazaret $(DESTDIR)$(UNITDIR)/lazaret.service \
	    $(DESTDIR)$(PREFIX)/lib/sysusers.d/lazaret.conf \
	    $(DESTDIR)$(PREFIX)/share/man/man1/lazaret.1 $(DESTDIR)$(PREFIX)/share/man/man5/lazaret.yaml.5 \
	    $(DESTDIR)$(PREFIX)/share/bash-completion/completions/lazaret $(DESTDIR)$(ZSHDIR)/_lazaret \
	    $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/lazaret.fish
	@echo "left: $(DESTDIR)/etc/lazaret, $(DESTDIR)/var/lib/lazaret; active fences expire"

deb: manual package

package:
	MANUAL=$(MANUAL) scripts/make-deb.sh $(LAZARET) $(OUT)

image: build
	scripts/make-image.sh $(LAZARET)

clean:
	rm -rf .build out
