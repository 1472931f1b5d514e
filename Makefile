# The two commands of the README are `make demo` and `make test`; both install what is missing.
SHELL := /bin/bash
PREFIX ?= /usr/local
LAZARET := .build/release/lazaret
SWIFT_GATE := --explicit-target-dependency-import-check error

.PHONY: help demo test build lint format captures install dependencies clean

help:
	@echo "make demo      build, train on the clean sample capture, judge the mixed one"
	@echo "make test      lint, build and run every test"
	@echo "make build     build .build/release/lazaret"
	@echo "make install   program to $(PREFIX) (PREFIX=... to change), configuration and systemd unit"
	@echo "make captures  record the sample captures anew, in network namespaces (root, 45 minutes)"
	@echo "make format    format the sources      make lint   check their format"

dependencies:
	@scripts/install-dependencies.sh

build: dependencies
	swift build -c release --product lazaret $(SWIFT_GATE)

demo: build
	@scripts/demo.sh $(LAZARET)

test: build lint
	swift build --build-tests $(SWIFT_GATE)
	LAZARET_BINARY=$(LAZARET) swift test --skip-build

lint:
	swift format lint --strict --recursive Sources Tests Package.swift

format:
	swift format --in-place --recursive Sources Tests Package.swift

captures:
	captures/lab/record.sh

install: build
	install -D -m 755 $(LAZARET) $(DESTDIR)$(PREFIX)/bin/lazaret
	install -d -m 755 $(DESTDIR)/etc/lazaret $(DESTDIR)/etc/systemd/system
	test -e $(DESTDIR)/etc/lazaret/lazaret.yaml || install -m 644 config/lazaret.yaml $(DESTDIR)/etc/lazaret/lazaret.yaml
	sed 's|/usr/local|$(PREFIX)|' config/lazaret.service > $(DESTDIR)/etc/systemd/system/lazaret.service

clean:
	rm -rf .build out
