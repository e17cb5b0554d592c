#!/usr/bin/env bash
# Starts Docker engines, a Podman service and a Kubernetes cluster of its own, in
# a folder of its own, runs a command that finds them in its environment, and
# takes everything away again, however the command ends.
#
#   scripts/engines.sh go test ./executor/docker
#   KOG_ENGINES=kube scripts/engines.sh kubectl get nodes
#
# KOG_ENGINES lists those to start; by default it is "docker moby podman kube".
# The installed Docker is found in KOG_TEST_DOCKER, the newest, which is built for
# the tests, in KOG_TEST_MOBY, Podman in KOG_TEST_PODMAN. A cluster is
# there if KOG_TEST_KUBE is 1: KUBECONFIG names its file, KUBEONE_DIR its folder
# and KUBEONE_CONTAINERD the socket of its containerd, for images; see
# test/kubeone. Tests that kill parts of a cluster start one of their own with the
# program in KOG_KUBEONE, those that kill a Docker use the programs in KOG_MOBY too.
#
# An engine whose variable is set already is used as it is: that of the cluster
# together with KUBECONFIG. One that is not installed, or cannot be started by
# this user, is left out: its tests skip, or fail where KOG_TEST_REQUIRE names it.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
here=$(cd "$(dirname "$0")" && pwd)

engines=" ${KOG_ENGINES-docker moby podman kube} "
wanted() { [[ $engines == *" $1 "* ]]; }

# Whoever gives an engine may give one that is elsewhere.
given=${KOG_TEST_DOCKER:-}${KOG_TEST_MOBY:-}${KOG_TEST_PODMAN:-}${KOG_TEST_KUBE:-}

# build makes what an engine is started with and is not installed, here, where the
# network is.
build() {
	local name=$1 given=$2 variable=$3 script=$4 needs=$5 path
	if ! wanted "$name" || [[ -n $given || -n ${!variable:-} ]]; then
		return
	fi
	if ((EUID != 0)) || ! command -v "$needs" >/dev/null; then
		echo "engines: no $name: $needs is not installed, or you are not root" >&2
		return
	fi
	path=$("$here/$script")
	export "$variable=$path"
}
build kube "${KOG_TEST_KUBE:-}" KOG_KUBEONE kubeone.sh containerd
# What comes with an installed Docker is used by the newest too.
build moby "${KOG_TEST_MOBY:-}" KOG_MOBY moby.sh dockerd

# Bridges, firewall rules and mounts of the engines are in namespaces of their
# own, and go with them. Nothing in there needs the outside.
if ((EUID == 0)) && [[ -z $given${KOG_ENGINES_APART:-} ]] && command -v ip unshare >/dev/null; then
	KOG_ENGINES_APART=1 exec unshare --net --mount "$0" "$@"
fi
apart=${KOG_ENGINES_APART:-}
unset KOG_ENGINES_APART # it says nothing of what the command starts

dir=$(mktemp -d "${TMPDIR:-/tmp}/kog-engines.XXXXXX")
chmod 711 "$dir" # as /var/lib: what engines keep there is theirs, that it is there is not secret
pids=()
names=()
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
	if ((${#pids[@]})); then
		kill "${pids[@]}" 2>/dev/null || true
	fi
	for pid in "${pids[@]}"; do
		end "$pid"
	done
	# What a killed engine leaves running and mounted.
	if [[ -d $dir/kube ]]; then
		"$KOG_KUBEONE" down -dir "$dir/kube" || true
	fi
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

if [[ -n $apart ]]; then
	ip link set lo up
	# The outer /sys is of another network. All of one network are one file
	# system: mounted here first, to be written, none of the engines makes it
	# read-only for the others.
	mkdir "$dir/sys"
	mount -t sysfs sysfs "$dir/sys"
	mount --rbind /sys/fs/cgroup "$dir/sys/fs/cgroup"
	mount --move "$dir/sys" /sys
	# Engines take the containerd of the system if they see one.
	mkdir -p /run/containerd
	mount -t tmpfs -o mode=711 tmpfs /run/containerd
fi

# launch starts an engine in the background. It ends with this script, even if
# that is killed.
launch() {
	local name=$1
	shift
	setpriv --pdeathsig TERM "$@" >"$dir/$name.log" 2>&1 </dev/null &
	pids+=($!)
	names+=("$name")
}

# socket launches an engine that listens on a socket, unless there is one.
socket() {
	local name=$1 variable=$2 tool=$3
	shift 3
	if ! wanted "$name" || [[ -n ${!variable:-} ]]; then
		return
	fi
	if ! command -v "$tool" >/dev/null || ((EUID != 0)); then
		echo "engines: no $name: $tool is not installed, or you are not root" >&2
		return
	fi
	launch "$name" "$@"
	export "$variable=unix://$dir/$name.sock"
}

# ready tells whether an engine has started.
ready() {
	case $1 in
	kube) [[ -e $dir/kube/ready ]] ;;
	*) curl --silent --fail --max-time 2 --unix-socket "$dir/$1.sock" http://engine/_ping >/dev/null 2>&1 ;;
	esac
}

# await waits until a process has started its engine.
await() {
	for _ in $(seq 1200); do
		if ready "$2"; then
			return
		fi
		if ! kill -0 "$1" 2>/dev/null; then
			break
		fi
		sleep 0.1
	done
	echo "engines: $2 does not start; its last words:" >&2
	tail -n 20 "$dir/$2.log" >&2
	exit 1
}

if wanted kube && [[ -z ${KOG_TEST_KUBE:-} && -n ${KOG_KUBEONE:-} ]]; then
	launch kube "$KOG_KUBEONE" up -dir "$dir/kube" -containerd "$(dirname "$KOG_KUBEONE")/containerd"
	export KOG_TEST_KUBE=1 KUBECONFIG=$dir/kube/kubeconfig KUBEONE_DIR=$dir/kube KUBEONE_CONTAINERD=$dir/kube/containerd.sock
fi
socket docker KOG_TEST_DOCKER dockerd "$here/dockerd.sh" "$dir" docker
socket podman KOG_TEST_PODMAN podman env CONTAINERS_CONF="$here/podman-containers.conf" \
	podman --root "$dir/podman" --runroot "$dir/podman-run" --tmpdir "$dir/podman-tmp" system service --time 0 "unix://$dir/podman.sock"
# Beside another Docker it needs a bridge of its own, and leaves the firewall to
# that. Outside of a network of its own the bridge would stay.
if wanted moby && [[ -z ${KOG_TEST_MOBY:-} && -n ${KOG_MOBY:-} ]]; then
	if [[ -z $apart ]]; then
		echo "engines: no moby: it needs root, and no engine that is given" >&2
	else
		ip link add name kog-moby type bridge
		ip address add 10.87.0.1/16 dev kog-moby
		ip link set kog-moby up
		# Docker 29.0 refused whatever is older than 1.44: so does this.
		launch moby env PATH="$KOG_MOBY:$PATH" DOCKER_MIN_API_VERSION=1.44 "$here/dockerd.sh" "$dir" moby \
			--bridge kog-moby --iptables=false --ip6tables=false
		export KOG_TEST_MOBY=unix://$dir/moby.sock
	fi
fi
for i in "${!pids[@]}"; do
	await "${pids[i]}" "${names[i]}"
done

# In the background, so that a signal ends all this at once.
"$@" <&0 &
command=$!
rc=0
wait "$command" || rc=$?
command=
exit "$rc"
