# make help lists what is here. Every target does its own set-up.

GO ?= go
ARGS ?=
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -X main.version=$(VERSION)
# Programs are built with these. pictor is static, pictor-worker links libvips.
BUILD = $(GO) build -trimpath -ldflags '$(LDFLAGS)'
# Without it the client of Google Cloud Storage brings gRPC's load balancing and metrics, which pictor does not use:
# 13 MB of program, and 12 MiB of an idle server.
export GOFLAGS := $(GOFLAGS) -tags=disable_grpc_modules
# PURE needs no cgo. RACE is whose tests have goroutines: those of settings and commands have none,
# the pipeline over libvips does one image at a time, and the end-to-end tests run programs
# built without the detector.
PURE = $(shell $(GO) list ./... | grep -v -e /transform/vips -e /cmd/docs -e /cmd/pictor/e2e -e /cmd/pictor-worker)
RACE = $(shell $(GO) list ./... | grep -v -e /config -e /transform/vips -e /cmd/)
E2E = ./cmd/pictor/e2e

.PHONY: run studio-picture test test-race test-pipeline check calibrate soak sweep build bench bench-http chart-check envoy-check deb deb-check docs formats fuzz lint help setup setup-test image-check

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: build ## build, then serve the studio at http://127.0.0.1:8080/ (ARGS adds flags)
	bin/pictor serve --dev $(ARGS)

build: setup ## build bin/pictor and bin/pictor-worker
	CGO_ENABLED=0 $(BUILD) -o bin/pictor ./cmd/pictor
	CGO_ENABLED=1 $(BUILD) -o bin/pictor-worker ./cmd/pictor-worker

# The detector's packages and the pipeline have a processor each; neither judges rates. The end-to-end tests come
# alone: they judge rates and latencies only where no other program takes the processors. What is parallel in them
# mostly waits, so that there may be more of it than processors. go vet has seen the packages of RACE in the first line.
# The timeouts are for what hangs; no honest run reaches them.
test: setup-test ## run every test: without cgo, with the race detector and the pipeline, then end to end
	CGO_ENABLED=0 $(GO) test -timeout 30m $(PURE)
	CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/pictor-worker
	$(MAKE) --no-print-directory -j 2 test-race test-pipeline
	CGO_ENABLED=1 $(GO) test -parallel 8 -timeout 90m $(E2E)

test-race:
	CGO_ENABLED=1 $(GO) test -race -vet off -timeout 60m $(RACE)

test-pipeline:
	CGO_ENABLED=1 $(GO) test -timeout 60m ./transform/vips ./cmd/docs

check: setup lint ## lint, and the tests without load, kills and calibration: for the loop of a developer
	CGO_ENABLED=1 $(GO) test -short -timeout 15m ./...

calibrate: setup-test ## hold the memory estimate against the real peak of every kind of picture (minutes)
	CGO_ENABLED=1 PICTOR_CALIBRATE=all $(GO) test -count 1 -timeout 120m -v -run '^(TestWorkingSetHolds.*|TestRandomJobsStayWithinTheirEstimate)$$' $(E2E)

soak: setup-test ## burst upon burst in a memory cgroup, and whether memory comes back (ten minutes); draws docs/memory.svg
	CGO_ENABLED=1 PICTOR_SOAK=all PICTOR_SOAK_PLOT=$(CURDIR)/docs/memory.svg $(GO) test -count 1 -timeout 40m -v -run '^(TestSoak.*|TestHistoryOfACluster|TestBusIsGoneUnderLoad|TestSlowReadersDoNotBlockOthers|TestSandboxChangesNoByte)$$' $(E2E)

# Its numbers: SWEEP_FILES (at most so many), SWEEP_TIME (seconds), SWEEP_MEMORY (MiB).
sweep: setup-test ## send every file of DIR through a server under a memory limit, and report what came of it
	@[ -d "$(DIR)" ] || { echo "which files? make sweep DIR=/path/to/images"; exit 1; }
	CGO_ENABLED=1 PICTOR_SWEEP=$(abspath $(DIR)) PICTOR_SWEEP_FILES=$(SWEEP_FILES) PICTOR_SWEEP_TIME=$(SWEEP_TIME) PICTOR_SWEEP_MEMORY=$(SWEEP_MEMORY) \
		$(GO) test -count 1 -timeout 24h -v -run '^TestSweep$$' $(E2E)

bench: setup ## run the benchmarks
	CGO_ENABLED=1 $(GO) test -run '^$$' -bench . -benchmem ./...

# Its variables: AGAINST (name,url-prefix,pid of running servers with imgproxy's URLs, to measure beside), PARTS (misses,
# sparse, hits, protocols, srcset), TABLE (a file for the tables), CHARTS (a folder: draws charts there instead of the tables).
bench-http: setup-test ## measure what misses, hits and srcsets cost all processes, beside programs that do nothing else (minutes)
	CGO_ENABLED=1 PICTOR_BENCH_HTTP=$(or $(PARTS),all) PICTOR_BENCH_AGAINST='$(AGAINST)' PICTOR_BENCH_TABLE=$(abspath $(TABLE)) \
		PICTOR_BENCH_CHARTS=$(abspath $(CHARTS)) \
		$(GO) test -count 1 -timeout 60m -v -run '$(if $(CHARTS),^TestBenchCharts$$,$(if $(filter cluster,$(PARTS)),^TestBenchCluster$$,^TestBenchHTTP$$))' $(E2E)

# Helm takes minutes to build, so make test does without.
chart-check: setup-test ## hold the Helm chart against Kubernetes' API and pictor's settings
	cd .ci/charts && CGO_ENABLED=0 GOFLAGS= $(GO) build -o bin/ tool ./manifests
	CGO_ENABLED=1 $(GO) test -count 1 -timeout 20m -v -run '^TestChart$$' $(E2E)

# Debian has no Envoy, so it is not run. Its API takes minutes to build, so make test does without.
envoy-check: setup-test ## hold docs/deploy/envoy.yaml against Envoy's API
	cd .ci/envoy && CGO_ENABLED=0 GOFLAGS= $(GO) build -o bin/ .
	CGO_ENABLED=1 $(GO) test -count 1 -v -run '^TestEnvoy' $(E2E)

studio-picture: setup-test ## try the studio in a browser, and make its picture for README, docs/studio.png
	CGO_ENABLED=1 PICTOR_STUDIO_PICTURE=$(CURDIR)/docs/studio.png $(GO) test -count 1 -run '^TestStudio$$' $(E2E)

docs: setup ## make docs/options.md, its images and docs/settings.md
	CGO_ENABLED=1 $(GO) run ./cmd/docs

formats: setup-test ## try every format as every other, and write docs/formats.md's table
	CGO_ENABLED=1 PICTOR_FORMAT_MATRIX=write $(GO) test -count 1 -timeout 10m -run '^TestFormatMatrix$$' $(E2E)

# As root: trees are mounted. DEBIAN=12, 13 or another suite: that one instead of the one that the Dockerfile names.
# MIRROR: an archive, like one of snapshot.debian.org. TESTS=false leaves out the tests. SERVE=true builds and keeps the server
# running, for bench-http to measure. Trees and caches lie in IMAGE_DIR.
image-check: ## build the Dockerfile in a tree of Debian, and try what came out (no Docker, root, many minutes)
	@.ci/setup image
	$(GO) build -o bin/image ./cmd/image
	bin/image check -version $(VERSION) -debian '$(DEBIAN)' -tests=$(or $(TESTS),true) \
		-serve=$(or $(SERVE),false) $(if $(MIRROR),-mirror $(MIRROR)) $(if $(IMAGE_DIR),-dir $(abspath $(IMAGE_DIR)))

deb: ## build the package of Debian or Ubuntu for this machine, in bin
	@.ci/setup deb
	VERSION=$(VERSION) .ci/deb/build bin

# As root, like image-check. DEBIAN is 13 unless it is set.
deb-check: ## build the package in a tree of Debian, and install, start, upgrade and purge it in another (root)
	@.ci/setup image
	$(GO) build -o bin/image ./cmd/image
	bin/image deb -version $(VERSION) -debian '$(DEBIAN)' $(if $(MIRROR),-mirror $(MIRROR)) $(if $(IMAGE_DIR),-dir $(abspath $(IMAGE_DIR)))

fuzz: setup ## fuzz every parser for FUZZTIME (default 1m) each
	CGO_ENABLED=1 FUZZTIME=$(or $(FUZZTIME),1m) GO=$(GO) .ci/fuzz

lint: setup ## check format, vet, linters, limits of sizes and names, and that other systems still compile
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "gofmt -w $$unformatted"; exit 1; }
	$(GO) vet ./...
	GOOS=darwin CGO_ENABLED=0 $(GO) vet $(PURE) ./cmd/...
	GOARCH=arm64 CGO_ENABLED=0 $(GO) vet $(PURE)
	$(GO) mod tidy -diff
	GO=$(GO) .ci/linters
	$(GO) test -count 1 -run '^TestHouse$$' -v ./cmd/house

setup:
	@.ci/setup

setup-test:
	@.ci/setup test
