#!/usr/bin/env bash
# Builds test/kubeone and the programs of test/containerd into one folder, and
# prints the path of the first. Like tools, they are kept in a cache, under a hash
# of all that goes into them: building them for the first time takes minutes.
# Whoever comes while they are being built waits for it.
set -euo pipefail
cd "$(dirname "$0")/../test/kubeone"

key=$({
	go version
	cat ../../scripts/kubeone.sh ../containerd/go.mod ../containerd/go.sum
	for file in go.mod go.sum *.go; do
		[[ $file == *_test.go ]] || { echo "$file" && cat "$file"; }
	done
} | sha256sum | cut -c 1-16)
dir=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/kog-tools/$key
if [[ ! -x $dir/kubeone ]]; then
	mkdir -p "$dir"
	exec 9>"$dir/lock"
	flock 9
	if [[ ! -x $dir/kubeone ]]; then
		trap 'rm -f "$dir/kubeone.part"' EXIT
		# The daemon, without what needs more than the module, and its shim.
		(cd ../containerd && CGO_ENABLED=0 go build -buildvcs=false -ldflags "-s -w" \
			-tags no_aufs,no_btrfs,no_devmapper,no_tracing,no_zfs -o "$dir/" tool)
		# Kubernetes tells its version only if it is told.
		version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
		IFS=v. read -r _ major minor _ <<<"$version"
		package=k8s.io/component-base/version
		flags="-s -w -X $package.gitVersion=$version -X $package.gitMajor=$major -X $package.gitMinor=$minor"
		go build -buildvcs=false -ldflags "$flags" -o "$dir/kubeone.part" .
		mv "$dir/kubeone.part" "$dir/kubeone"
	fi
fi
echo "$dir/kubeone"
