#!/usr/bin/env bash
# Makes sure that what building and testing need is on this machine. As root on
# Debian or Ubuntu it installs what is missing, elsewhere it says what is.
set -euo pipefail

# What is looked for: a command, a library known to pkg-config or a file, and
# the Debian package that brings it.
needs=(
	"git            git"
	"gcc            gcc libc6-dev"
	"pkg-config     pkg-config"
	"lib:libseccomp libseccomp-dev"
	"busybox        busybox-static"
	"runc           runc"
	"newuidmap      uidmap"
	"docker-registry docker-registry"
	"htpasswd       apache2-utils"
	"dockerd        docker.io iptables"
	"podman         podman"
	"containerd     containerd"
	"file:/usr/lib/cni/bridge containernetworking-plugins"
	"kubectl        kubernetes-client"
	"catatonit      catatonit"
	"curl           curl"
	"ip             iproute2"
	"sshd           openssh-server"
	"tmux           tmux"
	"rsyslogd       rsyslog"
	"file:/usr/lib/*/rsyslog/lmnsd_gtls.so rsyslog-gnutls"
)

present() {
	case $1 in
	lib:*) command -v pkg-config >/dev/null && pkg-config --exists "${1#lib:}" ;;
	file:*) compgen -G "${1#file:}" >/dev/null ;;
	*) command -v "$1" >/dev/null ;;
	esac
}

list_missing() {
	missing=() packages=()
	local need what package
	for need in "${needs[@]}"; do
		read -r what package <<<"$need"
		if ! present "$what"; then
			missing+=("${what#*:}")
			# shellcheck disable=SC2206 # one need may be several packages
			packages+=($package)
		fi
	done
}

# root's tools may be outside an ordinary user's PATH
PATH=$PATH:/usr/sbin:/sbin

if ! command -v go >/dev/null; then
	echo "setup: go is not installed: see https://go.dev/doc/install" >&2
	exit 1
fi

list_missing
if ((${#missing[@]} == 0)); then
	exit 0
fi
if [[ $(uname -s) != Linux ]]; then
	echo "setup: tests of containers run on Linux only, and are skipped here" >&2
	exit 0
fi
if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
	echo "setup: missing: ${missing[*]}" >&2
	echo "setup: on Debian: apt-get install --no-install-recommends ${packages[*]}" >&2
	exit 1
fi

echo "setup: installing ${packages[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update && apt-get install -y --no-install-recommends "${packages[@]}"; } >"$log" 2>&1 </dev/null; then
	tail -n 20 "$log" >&2
	echo "setup: cannot install ${packages[*]}" >&2
	exit 1
fi
list_missing
if ((${#missing[@]} > 0)); then
	echo "setup: still missing after the installation: ${missing[*]}" >&2
	exit 1
fi
