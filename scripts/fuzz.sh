#!/usr/bin/env bash
# Runs every fuzz test for FUZZTIME (default 10s), one after the other.
set -euo pipefail
cd "$(dirname "$0")/.."

go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.Dir}}{{end}}' ./... | while read -r dir; do
	{ grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$dir"/*_test.go || true; } | while read -r _ name; do
		echo "fuzz: $name in ${dir#"$PWD"/}"
		go test -run '^$' -fuzz "^$name\$" -fuzztime "${FUZZTIME:-10s}" "$dir" </dev/null
	done
done
