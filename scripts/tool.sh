#!/usr/bin/env bash
# Builds a tool of tools/go.mod and prints the path of the binary. Binaries are
# kept in a cache, under a hash of all that goes into them: building the linter
# takes minutes.
#
#   scripts/tool.sh golangci-lint
set -euo pipefail
cd "$(dirname "$0")/.."

name=${1:?usage: scripts/tool.sh NAME}
package=$(go list -modfile=tools/go.mod -f '{{.ImportPath}}' tool | grep -E "/$name\$") || {
	echo "tool: $name is not a tool of tools/go.mod" >&2
	exit 1
}
key=$({ go version && cat tools/go.mod tools/go.sum; } | sha256sum | cut -c 1-16)
binary=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/kog-tools/$key/$name
if [[ ! -x $binary ]]; then
	mkdir -p "$(dirname "$binary")"
	part=$(mktemp "$binary.XXXXXX")
	trap 'rm -f "$part"' EXIT
	go build -modfile=tools/go.mod -ldflags '-s -w' -o "$part" "$package"
	mv "$part" "$binary"
fi
echo "$binary"
