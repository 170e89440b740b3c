# SPDX-License-Identifier: MIT
#
# ./dev test: builds and runs the tests of some presets and counts their cases. Sourced by ./dev.

# asan has the checks of ubsan in it. By default the unit tests run there and under tsan, and debug
# and release run what the sanitizers cannot: programs on the libraries themselves, and in release the
# units of some rooms as users get them (tests/CMakeLists.txt).
DEFAULT_TEST_PRESETS=(debug release asan tsan)

check_is_tested() {
  [[ $1 != thread-safety ]] || die "test: thread-safety has no tests, it is only compiled (./dev check)"
}

# A word that is no option: what it should have been.
refuse_word() {
  if [[ " $ALL_PRESETS " == *" $1 "* ]]; then
    check_is_tested "$1"
    die "test: a preset is named by --preset $1"
  fi
  help_of test >&2
  exit 2
}

# The number in attribute $2 of the report's first element.
attribute_of() { grep -om1 "$2=\"[0-9]*\"" "$1" | tr -cd '0-9'; }

# Adds the cases of a ctest report to passed, failed and skipped. No report, no case: a failure.
count_cases() {
  local report=$1 all bad omitted
  all=$(attribute_of "$report" tests || true)
  if [[ ${all:-0} -eq 0 ]]; then
    failed=$((failed + 1))
    return
  fi
  bad=$(attribute_of "$report" failures)
  omitted=$(($(attribute_of "$report" skipped) + $(attribute_of "$report" disabled)))
  passed=$((passed + all - bad - omitted))
  failed=$((failed + bad))
  skipped=$((skipped + omitted))
}

# Names what preset $1 has skipped; under CI a case counts as failed if it is not in the list.
name_skipped() {
  local lines
  lines=$(python3 scripts/skipped_cases.py "$2" "$1" tests/allowed_skips.txt) ||
    [[ ${CI:-} != true ]] || failed=$((failed + $(grep -c 'NOT LISTED' <<<"$lines")))
  [[ -z $lines ]] || echo "$lines"
}

show_cases() {
  awk '/^ *Start +[0-9]+:/ { next }
       / Passed +[0-9.]+ sec$/ { if (++n % 100 == 0) print; fflush(); next }
       { print; fflush() }'
}

test_preset() {
  local preset=$1 report start=$SECONDS
  report=$PWD/build/$preset/cases.xml
  rm -f "$report"
  if ! build_preset "$preset" "${targets[@]}"; then
    say "FAILED to build $preset"
    failed=$((failed + 1))
    return
  fi
  say "test $preset"
  ctest --test-dir "build/$preset" --parallel "$JOBS" --output-on-failure \
    --output-junit "$report" "${selection[@]}" 2>&1 | show_cases || true
  count_cases "$report"
  [[ ! -s $report ]] || name_skipped "$preset" "$report"
  say "$preset took $((SECONDS - start)) s"
}

verb_test() {
  local presets=("${DEFAULT_TEST_PRESETS[@]}")
  local slow=false units=false targets=() selection=()
  while [[ $# -gt 0 ]]; do
    case "$1" in
      --slow) slow=true; units=true ;;
      --preset) check_preset_name "${2:-}"; check_is_tested "$2"; presets=("$2"); units=true; shift ;;
      *) refuse_word "$1" ;;
    esac
    shift
  done
  if $units; then
    targets=(unit_tests)
    $slow || selection=(-LE '^slow$')
  else
    selection=(-LE '^(slow|unit)$' -E '_NOT_BUILT$')  # so ctest calls what was left out of the build
  fi
  local passed=0 failed=0 skipped=0 preset
  for preset in "${presets[@]}"; do needs_of_preset "$preset"; done
  for preset in "${presets[@]}"; do test_preset "$preset"; done
  [[ $skipped -eq 0 ]] || say "$skipped cases did not apply here and were skipped"
  echo "$passed passed, $failed failed"
  [[ $failed -eq 0 ]]
}
