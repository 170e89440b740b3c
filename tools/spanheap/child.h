// SPDX-License-Identifier: MIT
//
// Child: one program run as if the caller had run it, and watched.
//
// Idea.    The child stays in this process's group and keeps its terminal, files, signal mask and
//          dispositions. Signals that another process sent here are passed on; those of the
//          terminal went to the whole group already. When the child stops, this process stops;
//          when one of them is continued, so is the other: a shell's job control sees one job.
// Threads. One thread.
// Fails.   exec_error when the program could not be executed; std::system_error when a process
//          cannot be made.
// Tests.   tests/tools/launch_test.py.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "spanheap/preload_proof.h"

namespace spanheap::tools {

struct ChildPlan {
  std::string path;
  std::vector<std::string> arguments;  // the first is the program's own name
  // The environment of the child, whose process id is the argument. May not fail.
  std::function<std::vector<std::string>(pid_t)> environment;
  std::string library;                  // whose mapping is the proof
  std::function<void(pid_t)> on_start;  // once the program runs; may be empty
  bool holds_at_end = false;  // see ExitHold: the proof is certain, at the price of ptrace
};

struct ChildEnd {
  pid_t pid = 0;
  int exec_error = 0;   // errno of exec; the rest is void then
  int wait_status = 0;  // as waitpid gives it
  PreloadProof proof = PreloadProof::kUnknown;
};

ChildEnd RunChild(const ChildPlan& plan);

// Ends this process the way the child ended: its exit code, or its signal.
[[noreturn]] void EndLike(int wait_status);

}  // namespace spanheap::tools
