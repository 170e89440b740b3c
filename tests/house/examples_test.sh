#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Installs a build, and builds and runs every example as a user would: by a project of ten lines; on
# each library, and by each compiler.
# usage: examples_test.sh BUILD_DIR EXAMPLES_DIR
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
examples=$(cd "$2" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build" --prefix "$work/prefix" >"$work/log" || { cat "$work/log"; exit 1; }
sources=$(printf '%s;' "$examples"/*.c "$examples"/*.cc)
# run LIBRARY COMPILER
run() {
  local library=$1 cxx=$2 program=$work/${1##*:}-$2 source name said
  cmake -S "$here/examples" -B "$program" -DCMAKE_PREFIX_PATH="$work/prefix" \
    -DCMAKE_CXX_COMPILER="$cxx" -DSOURCES="${sources%;}" -DLIBRARY="$library" >"$work/log" 2>&1 &&
    cmake --build "$program" >>"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
  for source in "$examples"/*.c "$examples"/*.cc; do
    name=$(basename "${source%.*}")
    said=$("$program/$name") || { echo "FAILED: $name with $library by $cxx: $said"; exit 1; }
    echo "$name ($library, $cxx): $(tail -1 <<<"$said")"
  done
}

run spanheap::gc g++
if command -v clang++-19 >/dev/null; then run spanheap::gc clang++-19; fi
for library in spanheap::malloc spanheap::malloc_static spanheap::embed_static; do
  run "$library" g++
done
