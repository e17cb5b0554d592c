#!/usr/bin/env bash
# Everything that CI checks, in one go. See "make help" for the single parts.
set -euo pipefail
cd "$(dirname "$0")/.."

logs=$(mktemp -d)
linter=
finish() {
	local rc=$?
	if [[ -n $linter ]]; then
		kill -- "-$linter" 2>/dev/null || true
	fi
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

# Building the linter for the first time takes minutes: it goes on beside the
# rest, in a process group of its own.
set -m
nice scripts/tool.sh golangci-lint >"$logs/linter" 2>"$logs/linter.err" </dev/null &
linter=$!
set +m

step format
unformatted=$(gofmt -l .)
if [[ -n $unformatted ]]; then
	echo "not formatted, run gofmt -w on:" >&2
	echo "$unformatted" >&2
	exit 1
fi

step build
make --no-print-directory build

step test
make --no-print-directory test

step examples
scripts/examples.sh

step vet
for platform in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64; do
	GOOS=${platform%/*} GOARCH=${platform#*/} CGO_ENABLED=0 go vet ./...
done

step lint
if ! wait "$linter"; then
	cat "$logs/linter.err" >&2
	exit 1
fi
linter=
make --no-print-directory lint
