// SPDX-License-Identifier: MIT
//
// A part of a scene in a process of its own, whose heap reads its options at its start.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

namespace spanheap::bench {

// What this program, started with `verb`, writes to its standard output; zero where it wrote less.
// `errors`: where its standard error goes; -1: where ours does.
template <class Result>
Result RunApartWith(const char* options, const char* verb, int errors = -1) {
  int ends[2];
  if (pipe(ends) != 0) return {};
  const pid_t child = fork();
  if (child == 0) {
    setenv("SPANHEAP", options, 1);
    dup2(ends[1], STDOUT_FILENO);
    if (errors >= 0) dup2(errors, STDERR_FILENO);
    char path[4096] = {};  // under its own name, as tools that pick processes by name see it
    if (readlink("/proc/self/exe", path, sizeof path - 1) > 0) {
      execl(path, path, verb, static_cast<char*>(nullptr));
    }
    _exit(127);
  }
  close(ends[1]);
  Result result{};
  if (read(ends[0], &result, sizeof result) != sizeof result) result = {};
  int status = 0;
  waitpid(child, &status, 0);
  close(ends[0]);
  return result;
}

// The other side of it.
template <class Result>
[[noreturn]] void TellAndExit(const Result& result) {
  _exit(write(STDOUT_FILENO, &result, sizeof result) == sizeof result ? 0 : 1);
}

}  // namespace spanheap::bench
