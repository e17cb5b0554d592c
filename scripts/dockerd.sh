#!/usr/bin/env bash
# Runs a Docker engine whose every file is in a folder, and which listens on
# FOLDER/NAME.sock. More arguments go to dockerd.
#
#   scripts/dockerd.sh FOLDER NAME [ARG...]
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
dir=$1 name=$2
shift 2
command -v dockerd >/dev/null || {
	echo "dockerd is not installed (on Debian: apt-get install docker.io iptables)" >&2
	exit 1
}
[[ -f $dir/$name.json ]] || echo '{}' >"$dir/$name.json"
exec dockerd --data-root "$dir/$name" --exec-root "$dir/$name-exec" --pidfile "$dir/$name.pid" \
	--host "unix://$dir/$name.sock" --config-file "$dir/$name.json" --log-level warn "$@"
