// SPDX-License-Identifier: MIT
//
// Child: one program run as if the caller had run it, and watched.
//
// Idea.    The child stays in this process's group and keeps its terminal, files, signal mask and
//          dispositions. Every signal that asks for something is blocked here and taken from a
//          queue: those another process sent are passed on; those the terminal or the kernel sent
//          went to the whole group already. When the child stops, this process stops; when this
//          process is continued, so is the child: a shell's job control sees one job.
// Proof.   The dynamic linker maps preloaded libraries before any other. So once the child's
//          mappings show the library, the preload took effect, and once they show libc without it,
//          it did not. They are read soon after exec and until one of the two is seen.
// Threads. One thread.
// Fails.   exec_error when the program could not be executed; std::system_error when a process
//          cannot be made.
// Cost.    A few readings of /proc/PID/maps in the first milliseconds, then none.
// Tests.   tests/tools/launch_test.py.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

namespace spanheap::tools {

enum class PreloadProof {
  kUnknown,  // the child ended, or could not be looked into, before there was evidence
  kMapped,   // the library is mapped
  kAbsent,   // the C library is mapped without it
};

struct ChildEnd {
  pid_t pid = 0;
  int exec_error = 0;   // errno of exec; the rest is void then
  int wait_status = 0;  // as waitpid gives it
  PreloadProof proof = PreloadProof::kUnknown;
};

struct ChildPlan {
  std::string path;
  std::vector<std::string> arguments;  // the first is the program's own name
  // The environment of the child, whose process id is the argument. May not fail.
  std::function<std::vector<std::string>(pid_t)> environment;
  std::string library;  // whose mapping is the proof
};

ChildEnd RunChild(const ChildPlan& plan);

// Ends this process the way the child ended: its exit code, or its signal.
[[noreturn]] void EndLike(int wait_status);

}  // namespace spanheap::tools
