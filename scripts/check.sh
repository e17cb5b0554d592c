#!/usr/bin/env bash
# Everything that CI checks, in one go. See "make help" for the single parts.
set -euo pipefail
cd "$(dirname "$0")/.."

logs=$(mktemp -d)
jobs=()
finish() {
	local rc=$? job
	for job in "${jobs[@]}"; do
		kill -- "-$job" 2>/dev/null || true
	done
	rm -rf "$logs"
	if ((rc == 0)); then
		echo "check: all is well (${SECONDS}s)"
	else
		echo "check: failed (${SECONDS}s)" >&2
	fi
	exit "$rc"
}
trap finish EXIT

step() { echo "check: $* (${SECONDS}s)"; }

step setup
scripts/setup.sh
go mod download
(cd test/kubeone && go mod download)
(cd test/containerd && go mod download)
(cd test/moby && go mod download)

# Building the test cluster, the newest Docker and the linter for the first time
# takes minutes: it goes on beside the rest, in process groups of their own.
set -m
nice scripts/kubeone.sh >/dev/null 2>"$logs/kubeone" </dev/null &
kubeone=$!
nice scripts/moby.sh >/dev/null 2>"$logs/moby" </dev/null &
moby=$!
nice scripts/tool.sh golangci-lint >/dev/null 2>"$logs/linter" </dev/null &
linter=$!
set +m
jobs=("$kubeone" "$moby" "$linter")

# built waits for one of them.
built() {
	if ! wait "$1"; then
		cat "$2" >&2
		exit 1
	fi
}

step format
unformatted=$(gofmt -l .)
if [[ -n $unformatted ]]; then
	echo "not formatted, run gofmt -w on:" >&2
	echo "$unformatted" >&2
	exit 1
fi

step build
make --no-print-directory build

step "test engines"
built "$kubeone" "$logs/kubeone"
built "$moby" "$logs/moby"
jobs=("$linter")

step test
make --no-print-directory test

step examples
scripts/examples.sh

step vet
# What is compiled for this is never run: without optimisation it takes a quarter
# less of a cold cache's time.
for platform in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64; do
	GOOS=${platform%/*} GOARCH=${platform#*/} CGO_ENABLED=0 go vet -gcflags="all=-N -l" ./...
done
(cd test/kubeone && go vet ./...)

step lint
built "$linter" "$logs/linter"
jobs=()
make --no-print-directory lint
