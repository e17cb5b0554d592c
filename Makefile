VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)
PLATFORMS = linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

# Tests that need something skip where it is missing; naming it here makes that
# a failure.
export KOG_TEST_REQUIRE ?= native,docker,moby,podman,kube,registry,syslog,tmux
export VERSION
# The version comes from VERSION; the go command need not ask git for it again.
export GOFLAGS += -buildvcs=false

# Code that needs libseccomp is tested where that is.
TAGS = $(shell pkg-config --exists libseccomp 2>/dev/null && echo seccomp)

.DEFAULT_GOAL := help
.PHONY: help init build check test lint fuzz bench cross clean

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

init: ## Install what building and testing need (as root on Debian), download modules
	@scripts/setup.sh
	@go mod download
	@cd test/kubeone && go mod download
	@cd test/containerd && go mod download
	@cd test/moby && go mod download

build: ## Build bin/kog-$GOOS-$GOARCH
	@scripts/build.sh

check: ## Everything that CI checks: format, vet, lint, tests, examples, all platforms
	@scripts/check.sh

# Programs that tests start are built with the race detector too, which would
# keep each of them for a second when it ends.
test: ## Run all tests with the race detector, with engines of their own
	GORACE=atexit_sleep_ms=0 scripts/engines.sh go test -race -tags '$(TAGS)' -timeout 45m ./...
	cd test/kubeone && go test ./...

lint: ## Run the linters (the first time, building them takes minutes)
	@"$$(scripts/tool.sh golangci-lint)" run ./...
	@cd test/kubeone && "$$(../../scripts/tool.sh golangci-lint)" run ./...

fuzz: ## Run every fuzz test for FUZZTIME, default 10s
	@scripts/fuzz.sh

bench: build ## Run the benchmarks, and on Linux as root the comparisons; see docs/benchmarks.md
	go test -tags '$(TAGS)' -run '^$$' -bench . -benchmem ./...
	if [ "$$(uname -s)" = Linux ]; then scripts/engines.sh go run ./internal/bench "bin/kog-linux-$$(go env GOARCH)"; fi

cross: ## Build for linux, darwin and windows, amd64 and arm64
	@for p in $(PLATFORMS); do GOOS=$${p%/*} GOARCH=$${p#*/} scripts/build.sh || exit 1; done

clean: ## Remove what was built
	rm -rf bin
