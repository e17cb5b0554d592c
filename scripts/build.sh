#!/usr/bin/env bash
# Builds bin/kog-$GOOS-$GOARCH. VERSION is written into the binary.
#
# For the machine it runs on, on Linux, the binary has the native executor,
# which needs a C compiler, and is static when there is a static C library.
# Every other platform is built without C, and without that executor.
#
# SECCOMP=1 adds a seccomp filter, Docker's default one, to every container.
# It needs libseccomp, which compiles the filter anew for every container.
set -euo pipefail
cd "$(dirname "$0")/.."

os=$(go env GOOS) arch=$(go env GOARCH)
out=bin/kog-$os-$arch
if [[ $os == windows ]]; then
	out+=.exe
fi
ldflags="-s -w -X gitlab.com/f5-pwe/kog/v3/internal/cli.version=${VERSION:-}"
tags=netgo,osusergo
cgo=0

cc=$(go env CC)
cc=${cc%% *}
links() { echo 'int main(void){return 0;}' | "$cc" -x c - -o /dev/null "$@" 2>/dev/null; }

if [[ $os == linux && $arch == $(go env GOHOSTARCH) && $(go env GOHOSTOS) == linux && ${CGO_ENABLED:-1} == 1 ]]; then
	if ! command -v "$cc" >/dev/null || ! links; then
		echo "build: no C compiler: $out gets no native executor (on Debian: apt-get install gcc libc6-dev)" >&2
	else
		cgo=1
		static=()
		if links -static; then
			static=(-static)
			ldflags+=' -linkmode external -extldflags "-static"'
		else
			echo "build: no static C library: $out is linked dynamically" >&2
		fi
		if [[ -n ${SECCOMP:-} ]]; then
			links "${static[@]}" -lseccomp || {
				echo "build: SECCOMP=1 needs libseccomp (on Debian: apt-get install libseccomp-dev pkg-config)" >&2
				exit 1
			}
			tags+=,seccomp
		fi
	fi
fi
CGO_ENABLED=$cgo go build -trimpath -tags "$tags" -ldflags "$ldflags" -o "$out" ./cmd/kog
echo "$out"
