#!/usr/bin/env bash
# Builds test/kubeone and prints the path of the binary. Like tools, it is kept
# in a cache, under a hash of all that goes into it: building it for the first
# time takes minutes. Whoever comes while it is being built waits for it.
set -euo pipefail
cd "$(dirname "$0")/../test/kubeone"

key=$({
	go version
	cat ../../scripts/kubeone.sh
	for file in go.mod go.sum *.go; do
		[[ $file == *_test.go ]] || { echo "$file" && cat "$file"; }
	done
} | sha256sum | cut -c 1-16)
binary=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/kog-tools/$key/kubeone
if [[ ! -x $binary ]]; then
	mkdir -p "$(dirname "$binary")"
	exec 9>"$binary.lock"
	flock 9
	if [[ ! -x $binary ]]; then
		trap 'rm -f "$binary.part"' EXIT
		# Kubernetes tells its version only if it is told.
		version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
		IFS=v. read -r _ major minor _ <<<"$version"
		package=k8s.io/component-base/version
		flags="-s -w -X $package.gitVersion=$version -X $package.gitMajor=$major -X $package.gitMinor=$minor"
		go build -buildvcs=false -ldflags "$flags" -o "$binary.part" .
		mv "$binary.part" "$binary"
	fi
fi
echo "$binary"
