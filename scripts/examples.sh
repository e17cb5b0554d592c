#!/usr/bin/env bash
# Runs the README's first command with the built binary, in real containers.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ $(go env GOOS) != linux ]]; then
	echo "examples: they run on Linux only"
	exit 0
fi
kog=bin/kog-linux-$(go env GOARCH)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export KOG_STATE_DIR=$dir/state

# expect CODE ARG... runs kog and checks its return code.
expect() {
	local want=$1 rc=0
	shift
	"$kog" "$@" >"$dir/stdout" 2>"$dir/stderr" </dev/null || rc=$?
	if ((rc != want)); then
		cat "$dir/stdout" "$dir/stderr" >&2
		echo "examples: kog $*: return code $rc, want $want" >&2
		exit 1
	fi
}

expect 2 run -f examples/tour.yaml --executor native
expect 0 run -f examples/tour.yaml --executor native --env RELEASE_KEY=x
