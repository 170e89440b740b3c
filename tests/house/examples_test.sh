#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Installs a build, and builds and runs every example as a user would: by a project of ten lines.
# usage: examples_test.sh BUILD_DIR EXAMPLES_DIR
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
examples=$(cd "$2" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build" --prefix "$work/prefix" >"$work/log" || { cat "$work/log"; exit 1; }
sources=$(printf '%s;' "$examples"/*.c "$examples"/*.cc)
for library in spanheap::gc spanheap::malloc; do
  program=$work/${library##*:}
  cmake -S "$here/examples" -B "$program" -DCMAKE_PREFIX_PATH="$work/prefix" \
    -DSOURCES="${sources%;}" -DLIBRARY="$library" >"$work/log" 2>&1 &&
    cmake --build "$program" >>"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
  for source in "$examples"/*.c "$examples"/*.cc; do
    name=$(basename "${source%.*}")
    said=$("$program/$name") || { echo "FAILED: $name with $library: $said"; exit 1; }
    echo "$name ($library): $(tail -1 <<<"$said")"
  done
done
