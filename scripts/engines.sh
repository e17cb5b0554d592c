#!/usr/bin/env bash
# Starts a Docker engine and a Podman service of its own, in a folder of its
# own, runs a command that finds them in KOG_TEST_DOCKER and KOG_TEST_PODMAN,
# and takes everything away again, however the command ends.
#
#   scripts/engines.sh go test ./executor/docker
#
# An engine whose variable is set already is used as it is. One that is not
# installed, or cannot be started by this user, is left out: its tests skip, or
# fail where KOG_TEST_REQUIRE names it.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
here=$(cd "$(dirname "$0")" && pwd)

# Bridges, firewall rules and mounts of the engines are in namespaces of their
# own, and go with them. Nothing in there needs the outside.
if ((EUID == 0)) && [[ -z ${KOG_TEST_DOCKER:-}${KOG_TEST_PODMAN:-}${KOG_ENGINES_APART:-} ]] && command -v ip unshare >/dev/null; then
	KOG_ENGINES_APART=1 exec unshare --net --mount "$0" "$@"
fi
if [[ -n ${KOG_ENGINES_APART:-} ]]; then
	ip link set lo up
fi

dir=$(mktemp -d "${TMPDIR:-/tmp}/kog-engines.XXXXXX")
pids=()
command=

# end ends a process with all that it started, and waits for it.
end() {
	kill "$1" 2>/dev/null || return 0
	for _ in $(seq 150); do
		kill -0 "$1" 2>/dev/null || return 0
		sleep 0.1
	done
	kill -9 "$1" 2>/dev/null || true
}

finish() {
	local rc=$?
	trap '' INT TERM
	if [[ -n $command ]]; then
		kill "$command" 2>/dev/null || true
	fi
	if [[ -S $dir/podman.sock ]]; then
		podman --url "unix://$dir/podman.sock" rm --all --force --volumes >/dev/null 2>&1 || true
	fi
	for pid in "${pids[@]}"; do
		end "$pid"
	done
	# What a killed engine leaves mounted.
	awk -v dir="$dir/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo | sort -r | while read -r mount; do
		umount -l "$mount" 2>/dev/null || true
	done
	if ! rm -rf "$dir"; then
		echo "engines: cannot remove $dir" >&2
	fi
	exit "$rc"
}
trap finish EXIT
trap 'exit 130' INT TERM

# await waits until something listens on a socket.
await() {
	for _ in $(seq 300); do
		if curl --silent --fail --max-time 2 --unix-socket "$1" http://engine/_ping >/dev/null 2>&1; then
			return
		fi
		if ! kill -0 "$2" 2>/dev/null; then
			break
		fi
		sleep 0.1
	done
	echo "engines: $3 does not start; its last words:" >&2
	tail -n 20 "$dir/$3.log" >&2
	exit 1
}

start() {
	local name=$1 variable=$2
	shift 2
	if [[ -n ${!variable:-} ]]; then
		return
	fi
	if ! command -v "$1" >/dev/null || ((EUID != 0)); then
		echo "engines: no $name: $1 is not installed, or you are not root" >&2
		return
	fi
	"$@" >"$dir/$name.log" 2>&1 </dev/null &
	pids+=($!)
	await "$dir/$name.sock" $! "$name"
	export "$variable=unix://$dir/$name.sock"
}

start docker KOG_TEST_DOCKER "$here/dockerd.sh" "$dir" docker
start podman KOG_TEST_PODMAN env CONTAINERS_CONF="$here/podman-containers.conf" \
	podman --root "$dir/podman" --runroot "$dir/podman-run" --tmpdir "$dir/podman-tmp" system service --time 0 "unix://$dir/podman.sock"

# In the background, so that a signal ends all this at once.
"$@" <&0 &
command=$!
rc=0
wait "$command" || rc=$?
command=
exit "$rc"
