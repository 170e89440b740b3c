#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Real programs in 256 MiB of address space (ulimit -v) and in 256 MiB of data (ulimit -d), each with
# libc's malloc and with the library preloaded: all end well and print the same. A limit is set before
# the shell starts that does the work, or (late) by that shell itself, when its heap has started. One
# of 16 TiB is hardly any (wide).
# usage: under_limits.sh LIBRARY
set -euo pipefail

self=$(readlink -f "${BASH_SOURCE[0]}")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export HOME=$folder GIT_CONFIG_NOSYSTEM=1 LC_ALL=C PYTHONHASHSEED=1 PYTHONMALLOC=malloc

work_bash() {
  local -A squares
  local i line
  for ((i = 0; i < 20000; i++)); do squares[$i]=$((i * i)); done
  echo "${#squares[@]} ${squares[1234]}"
  for ((i = 0; i < 40; i++)); do line=$(echo "$i" | tr 0-9 a-j); done
  echo "$line"
}

work_git() {
  local work=$folder/repository.$RANDOM i
  git init -q "$work" && cd "$work"
  git config user.name Test && git config user.email test@example.org
  for ((i = 0; i < 200; i++)); do seq "$i" "$((i + 300))" >"file$i"; done
  git add .
  GIT_AUTHOR_DATE=2020-01-01T00:00:00Z GIT_COMMITTER_DATE=2020-01-01T00:00:00Z git commit -qm first
  git gc -q --aggressive
  git log --format=%H --stat | tail -3
  git fsck --strict 2>&1 | tail -1
}

work_python3() {
  python3 - <<'PYTHON'
import json, threading, zlib
rows = [{"number": i, "text": "x" * (i % 97), "list": list(range(i % 13))} for i in range(60000)]
print(zlib.crc32(json.dumps(rows).encode()))
sums = []
threads = [threading.Thread(target=lambda: sums.append(sum(len(str(i)) for i in range(50000)))) for _ in range(4)]
for t in threads: t.start()
for t in threads: t.join()
print(sums)
PYTHON
}

# Runs work_$2 under the limit of the kind $1 (v, d, late or wide), with $3 preloaded if it is not empty.
run_limited() (
  if [[ $1 == late ]]; then
    export LD_PRELOAD=$3
    exec "$BASH" "$self" --work "$2" late
  fi
  case $1 in
    wide) ulimit -v $((16 << 30)) ;;
    *) ulimit "-$1" 262144 ;;
  esac
  export LD_PRELOAD=$3
  exec "$BASH" "$self" --work "$2"
)

# Runs it without and with the library; 1 if one fails or their outputs differ.
compare() {
  local program=$1 kind=$2
  if ! run_limited "$kind" "$program" "" >"$folder/plain" 2>&1; then
    echo "under_limits: $program fails under a limit ($kind) without the library"
    return 1
  fi
  if run_limited "$kind" "$program" "$library" >"$folder/preloaded" 2>&1 &&
    cmp -s "$folder/plain" "$folder/preloaded"; then
    return 0
  fi
  echo "under_limits: $program differs under a limit ($kind):"
  diff "$folder/plain" "$folder/preloaded" | head -20
  return 1
}

if [[ ${1:-} == --work ]]; then
  if [[ -n ${LD_PRELOAD:-} ]] && ! grep -qF "$LD_PRELOAD" /proc/$$/maps; then
    echo "the library is not loaded" >&2
    exit 1
  fi
  [[ ${3:-} != late ]] || ulimit -v 262144
  "work_$2"
  exit
fi

library=$(readlink -f "$1")
failed=0
for program in bash git python3; do
  command -v "$program" >/dev/null || { echo "under_limits: no $program here"; continue; }
  compare "$program" v || failed=1
  compare "$program" d || failed=1
  compare "$program" late || failed=1
  compare "$program" wide || failed=1
done
[[ $failed == 0 ]] && echo "under_limits: ok"
exit "$failed"
