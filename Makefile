# make help lists what is here. Every target does its own set-up.

GO ?= go
ARGS ?=
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -X main.version=$(VERSION)
# All but the packages that need libvips, and of these all but the end-to-end tests.
PURE = $(shell $(GO) list ./... | grep -v -e /transform/vips -e /cmd/)
UNIT = $(shell $(GO) list ./... | grep -v /cmd/pictor/e2e)
E2E = ./cmd/pictor/e2e

.PHONY: run test calibrate soak build bench docs fuzz lint help setup setup-test

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

run: build ## build, then serve the playground at http://127.0.0.1:8080/ (ARGS adds flags)
	bin/pictor serve --dev $(ARGS)

build: setup ## build bin/pictor
	CGO_ENABLED=1 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/pictor ./cmd/pictor

test: setup-test ## run every test: without cgo, with the race detector, then end to end
	CGO_ENABLED=0 $(GO) test -timeout 30m $(PURE)
	CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/pictor
	CGO_ENABLED=1 $(GO) test -race -timeout 60m $(UNIT)
	CGO_ENABLED=1 $(GO) test -timeout 90m $(E2E)

calibrate: setup-test ## hold the memory estimate against the real peak of every kind of picture (minutes)
	CGO_ENABLED=1 PICTOR_CALIBRATE=all $(GO) test -count 1 -timeout 60m -v -run '^(TestWorkingSetHoldsWhatJobsTake|TestRandomJobsStayWithinTheirEstimate)$$' $(E2E)

soak: setup-test ## burst upon burst in a memory cgroup, and whether memory comes back (ten minutes); draws docs/memory.svg
	CGO_ENABLED=1 PICTOR_SOAK=all PICTOR_SOAK_PLOT=$(CURDIR)/docs/memory.svg $(GO) test -count 1 -timeout 40m -v -run '^TestSoak' $(E2E)

bench: setup ## run the benchmarks
	CGO_ENABLED=1 $(GO) test -run '^$$' -bench . -benchmem ./...

docs: setup ## make docs/options.md and its pictures from the options
	CGO_ENABLED=1 $(GO) run ./cmd/docs

fuzz: setup ## fuzz every parser for FUZZTIME (default 1m) each
	CGO_ENABLED=1 FUZZTIME=$(or $(FUZZTIME),1m) GO=$(GO) .ci/fuzz

lint: setup ## check format, vet, and that other systems still compile
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "gofmt -w $$unformatted"; exit 1; }
	$(GO) vet ./...
	GOOS=darwin CGO_ENABLED=0 $(GO) vet $(PURE) ./cmd/...
	$(GO) mod tidy -diff

setup:
	@.ci/setup

setup-test:
	@.ci/setup test
