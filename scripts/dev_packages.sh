# SPDX-License-Identifier: MIT
#
# need: makes sure that what a verb uses is installed. Sourced by ./dev.
#
# A need is written probe=package. The probe is a command's name, or a file pattern (starting
# with /); apt is called only if a probe fails. package may name alternatives, a|b.

BUILD_NEEDS=(
  cmake=cmake ninja=ninja-build g++=g++ ccache=ccache pkg-config=pkg-config git=git
  python3=python3 objdump=binutils setarch=util-linux
  /usr/include/gtest/gtest.h=libgtest-dev
  /usr/include/benchmark/benchmark.h=libbenchmark-dev
  /usr/include/CLI/CLI.hpp=libcli11-dev
  /usr/include/nlohmann/json.hpp=nlohmann-json3-dev
  /usr/include/fmt/core.h=libfmt-dev
  /usr/include/zlib.h=zlib1g-dev
)
CLANG_NEEDS=(
  clang++-19=clang-19
  "/usr/lib/llvm-19/lib/clang/19/lib/linux/libclang_rt.fuzzer-*.a=libclang-rt-19-dev"
)
CHECK_NEEDS=(clang-format-19=clang-format-19 clang-tidy-19=clang-tidy-19 git=git python3=python3)
RUN_NEEDS=(
  python3=python3 sqlite3=sqlite3 git=git g++=g++ redis-server=redis-server
  redis-benchmark=redis-tools perl=perl jq=jq
)
BENCH_NEEDS=(
  "/usr/lib/*/libjemalloc.so.2=libjemalloc2"
  "/usr/lib/*/libmimalloc.so.2*=libmimalloc2.0"
  "/usr/lib/*/libtcmalloc_minimal.so.4=libtcmalloc-minimal4|libtcmalloc-minimal4t64"
  /usr/include/gc/gc.h=libgc-dev
)

say() { printf '== %s\n' "$*"; }
die() { printf 'dev: %s\n' "$*" >&2; exit 1; }

is_present() {
  case "$1" in
    /*) compgen -G "$1" >/dev/null ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

# Prints the package of each need whose probe fails.
missing_of() {
  local want
  for want in "$@"; do
    is_present "${want%%=*}" || echo "${want#*=}"
  done | sort -u
}

need() {
  local missing
  mapfile -t missing < <(missing_of "$@")
  [[ ${#missing[@]} -gt 0 ]] || return 0
  say "installing ${missing[*]}"
  install_packages "${missing[@]}"
  mapfile -t missing < <(missing_of "$@")
  [[ ${#missing[@]} -eq 0 ]] || die "still missing after the installation: ${missing[*]}"
}

# Sets `apt` to the command that may install, or dies with one line.
choose_apt() {
  local list="$*"
  command -v apt-get >/dev/null || die "please install: $list (there is no apt-get here)"
  apt=(env DEBIAN_FRONTEND=noninteractive apt-get -o Dpkg::Use-Pty=0)
  [[ $(id -u) -eq 0 ]] && return
  if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    apt=(sudo -n "${apt[@]}")
  else
    die "please install as root: apt-get install $list (neither root nor sudo without password)"
  fi
}

# The first of a|b|c that apt knows; the first at all if it knows none.
choose_alternative() {
  local name
  for name in ${1//|/ }; do
    if apt-cache show "$name" >/dev/null 2>&1; then
      echo "$name"
      return
    fi
  done
  echo "${1%%|*}"
}

try_install() {
  local names=() each
  for each in "$@"; do names+=("$(choose_alternative "$each")"); done
  "${apt[@]}" install -y --no-install-recommends "${names[@]}" >>build/apt.log 2>&1
}

# The package lists may be absent or old: one update, and only if the first try fails.
install_packages() {
  local apt
  choose_apt "$@"
  mkdir -p build
  : >build/apt.log
  try_install "$@" && return
  say "updating the package lists"
  "${apt[@]}" update >>build/apt.log 2>&1 || true
  try_install "$@" && return
  tail -n 20 build/apt.log >&2
  die "apt-get could not install: $*"
}
