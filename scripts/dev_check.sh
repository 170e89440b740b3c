# SPDX-License-Identifier: MIT
#
# ./dev check: what a machine can tell about the sources. Sourced by ./dev.

cpp_files() { git ls-files -co --exclude-standard -- '*.h' '*.cc' '*.c'; }

check_format() {
  local wrong
  wrong=$(cpp_files | xargs -r clang-format-19 --dry-run --Werror 2>&1 |
    sed -n 's/^\([^: ]*\):[0-9]*:[0-9]*: error.*/\1: is not formatted (.\/dev check --fix)/p' | sort -u)
  [[ -z $wrong ]] || { echo "$wrong"; return 1; }
}
check_layers() { python3 scripts/check_layers.py; }
check_lengths() { python3 scripts/check_lengths.py; }
check_links() { python3 scripts/check_links.py; }
check_the_checks() { python3 tests/house/checks_test.py . >build/checks.log 2>&1 || { cat build/checks.log; return 1; }; }
check_locks() { build_preset thread-safety; }

# Reads the compile commands of the thread-safety build, so it runs after check_locks.
check_tidy() {
  git ls-files -- 'src/*.cc' |
    xargs -r -n 1 -P "$JOBS" clang-tidy-19 -p build/thread-safety --quiet 2>build/tidy.log
}

run_check() {
  local name=$1 start=$SECONDS
  if "check_$name"; then
    passed=$((passed + 1))
    say "ok      $name ($((SECONDS - start)) s)"
  else
    failed=$((failed + 1))
    say "FAILED  $name"
  fi
}

verb_check() {
  local checks=(format layers lengths links the_checks locks tidy)
  case "${1:-}" in
    --fast) checks=(format layers lengths links the_checks) ;;
    --fix) need "${CHECK_NEEDS[@]}"; cpp_files | xargs -r clang-format-19 -i; return ;;
    '') ;;
    *) help_of check >&2; exit 2 ;;
  esac
  need "${CHECK_NEEDS[@]}"
  mkdir -p build
  local passed=0 failed=0 name
  for name in "${checks[@]}"; do run_check "$name"; done
  echo "$passed passed, $failed failed"
  [[ $failed -eq 0 ]]
}
