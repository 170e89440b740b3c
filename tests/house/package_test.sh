#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Installs a build, moves the tree, and builds programs on it by find_package and by pkg-config.
# usage: package_test.sh BUILD_DIR EXAMPLES_DIR
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
examples=$(cd "$2" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# expect WHOSE COMMAND...: the program ran and said whose blocks malloc returns.
expect() {
  local said
  said=$("${@:2}") || { echo "FAILED: ${*:2}"; exit 1; }
  [[ $said == "$1" ]] || { echo "${*:2} said $said, not $1"; exit 1; }
}

cmake --install "$build" --prefix "$work/first" >"$work/log" || { cat "$work/log"; exit 1; }
mv "$work/first" "$work/prefix"

cmake -S "$here/package" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/prefix" >"$work/log" 2>&1 &&
  cmake --build "$work/build" >>"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
expect spanheap "$work/build/malloc"
expect spanheap "$work/build/malloc_static"
expect libc "$work/build/embed"
expect libc "$work/build/embed_static"

# A program that calls nothing of the library has it all the same.
has_it() {
  "$1" >/dev/null || { echo "FAILED: $1"; exit 1; }
  # grep reads all there is: who writes into a pipe that is closed fails.
  readelf -d "$1" | grep 'NEEDED.*libspanheap\.so\.1' >/dev/null ||
    nm "$1" | grep ' sh_malloc$' >/dev/null || { echo "FAILED: $1 is without the library"; exit 1; }
}
has_it "$work/build/bystander_malloc"
has_it "$work/build/bystander_malloc_static"

pkgconfig=$(dirname "$(find "$work/prefix" -name spanheap.pc)")
export PKG_CONFIG_PATH=$pkgconfig LD_LIBRARY_PATH=${pkgconfig%/pkgconfig}
for library in spanheap spanheap-embed; do
  # shellcheck disable=SC2046  # flags are words
  cc -fno-builtin "$here/package/consumer.c" $(pkg-config --cflags --libs "$library") -o "$work/$library"
  # shellcheck disable=SC2046
  c++ -std=c++20 "$examples/first_program.cc" $(pkg-config --cflags --libs "$library") -o "$work/first_program"
  "$work/first_program" || { echo "FAILED: first_program with $library"; exit 1; }
done
# shellcheck disable=SC2046
{
  cc -Wl,--as-needed "$here/package/bystander.c" $(pkg-config --cflags --libs spanheap) -o "$work/bystander"
  cc -static "$here/package/bystander.c" $(pkg-config --static --libs spanheap) -o "$work/bystander_static"
  cc -static "$here/package/consumer.c" $(pkg-config --static --cflags --libs spanheap) -o "$work/static"
  c++ -std=c++20 -static "$examples/first_program.cc" $(pkg-config --static --cflags --libs spanheap) \
    -o "$work/first_program"
}
has_it "$work/bystander"
has_it "$work/bystander_static"
expect spanheap "$work/static"
"$work/first_program" || { echo "FAILED: first_program, static"; exit 1; }
expect spanheap "$work/spanheap"
expect libc "$work/spanheap-embed"

# shellcheck disable=SC2046
c++ -std=c++17 -fsyntax-only "$examples/first_program.cc" $(pkg-config --cflags spanheap) 2>"$work/log" || true
grep -m1 'error' "$work/log" | grep -q 'needs C++20' || { echo "C++17 is not told"; exit 1; }
echo "find_package and pkg-config both work"
