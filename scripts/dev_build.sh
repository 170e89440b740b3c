# SPDX-License-Identifier: MIT
#
# build_preset: configures and builds one preset, with progress, and further targets that are not
# part of `all`. Sourced by ./dev.

# ccache sees paths inside the clone as relative ones: any clone of the same sources finds its objects.
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$PWD}

# Passes on what matters of a build: every 25th step, the last one, and all that is not a step.
show_progress() {
  awk '/^\[[0-9]+\/[0-9]+\]/ { step = $0; if (++n % 25 == 0) { print; step = "" } fflush(); next }
       { print; fflush() }
       END { if (step != "") print step }'
}

check_preset_name() {
  [[ " $ALL_PRESETS " == *" $1 "* ]] || die "no preset '$1' (there are: $ALL_PRESETS)"
}

needs_of_preset() {
  case "$1" in
    fuzz | thread-safety) need "${BUILD_NEEDS[@]}" "${CLANG_NEEDS[@]}" ;;
    *) need "${BUILD_NEEDS[@]}" ;;
  esac
}

configure_preset() {
  local log=build/configure-$1.log
  mkdir -p build
  cmake --preset "$1" >"$log" 2>&1 && return
  tail -n 30 "$log"
  return 1
}

build_preset() {
  check_preset_name "$1"
  needs_of_preset "$1"
  say "build $1"
  configure_preset "$1" || return 1
  cmake --build "build/$1" --parallel "$JOBS" --target all "${@:2}" 2>&1 | show_progress
}
