#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# ./dev explains each verb, refuses what it does not know, and says in one line what it cannot
# install. usage: dev_test.sh ROOT
set -euo pipefail
cd "$1"

fail() { echo "FAILED: $*"; exit 1; }

# expect STATUS WORDS COMMAND...: the command ends with that status and says these words.
expect() {
  local status=0 said
  said=$("${@:3}" 2>&1) || status=$?
  [[ $status -eq $1 ]] || fail "${*:3} ended with $status, not $1: $said"
  [[ $said == *"$2"* ]] || fail "${*:3} did not say '$2': $said"
}

# What need does on a machine without rights: PATH holds a few tools only, and no apt.
need_without_apt() {
  PATH=$empty /bin/bash -c 'source scripts/dev_packages.sh; need no-such-command=some-package; echo reached'
}

for verb in setup build run test check bench fuzz docs; do
  expect 0 "usage: ./dev $verb" ./dev "$verb" --help
done
expect 0 "usage: ./dev VERB" ./dev --help
expect 2 "usage: ./dev VERB" ./dev nonsense
expect 1 "no preset 'nonsense'" ./dev build nonsense
expect 1 "no preset 'nonsense'" ./dev test --preset nonsense
expect 1 "thread-safety has no tests" ./dev test --preset thread-safety
expect 1 "thread-safety has no tests" ./dev test thread-safety
expect 1 "--preset debug" ./dev test debug
expect 2 "usage: ./dev test" ./dev test nonsense
expect 2 "usage: ./dev bench" ./dev bench nonsense
expect 1 "'nonsense/x.so' is none" ./dev bench memory --json --with nonsense/x.so

empty=$(mktemp -d)
trap 'rm -rf "$empty"' EXIT
ln -s "$(command -v sort)" "$empty/sort"
expect 1 "please install: some-package" need_without_apt

# skips CASE: what is said of a report in which it was skipped.
skips() {
  echo "<testsuite><testcase name=\"$1\" status=\"notrun\"><skipped/></testcase></testsuite>" \
    >"$empty/cases.xml"
  python3 scripts/skipped_cases.py "$empty/cases.xml" "${2:-release}" tests/allowed_skips.txt
}
expect 0 "lock ranks" skips sync.MutexTest.Anything
expect 1 "NOT LISTED" skips sync.MutexTest.Anything asan
expect 1 "NOT LISTED" skips pages.PageHeapTest.MostOfALimitedAddressSpaceIsUsable
echo "./dev explains itself"
