#!/usr/bin/env bash
# Builds the programs of test/moby, the newest Docker engine with its containerd
# and runc, into one folder, and prints its path. Like tools, they are kept in a
# cache, under a hash of all that goes into them: building them for the first time
# takes minutes. Whoever comes while they are being built waits for it.
set -euo pipefail
cd "$(dirname "$0")/../test/moby"

key=$({ go version && cat ../../scripts/moby.sh go.mod go.sum; } | sha256sum | cut -c 1-16)
dir=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/kog-tools/$key
if [[ ! -x $dir/dockerd ]]; then
	mkdir -p "$dir"
	exec 9>"$dir/lock"
	flock 9
	if [[ ! -x $dir/dockerd ]]; then
		part=$(mktemp -d "$dir/part.XXXXXX")
		trap 'rm -rf "$part"' EXIT
		# The engine tells its version only if it is told.
		version=$(go list -m -f '{{.Version}}' github.com/moby/moby/v2)
		flags="-s -w -X github.com/moby/moby/v2/dockerversion.Version=$version"
		# Without what needs more than the modules and libseccomp.
		go build -buildvcs=false -ldflags "$flags" -o "$part/" \
			-tags seccomp,no_btrfs,no_devmapper,no_tracing,no_zfs,exclude_graphdriver_btrfs tool
		mv "$part"/[!d]* "$dir/"
		mv "$part/dockerd" "$dir/" # the last
	fi
fi
echo "$dir"
