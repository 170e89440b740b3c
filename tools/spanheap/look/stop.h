// SPDX-License-Identifier: MIT
//
// Stop: a process held still for as long as the object lives, at a moment when no thread is inside
// of its heap.
//
// Idea.  Every thread is seized and interrupted (ptrace), which no handler of the program sees. If
//        one of them is inside of the heap, all go on for a moment, and again. When this command
//        ends, however it ends, the kernel lets the process go on.
// Fails. std::runtime_error: ptrace is forbidden, somebody else traces the process, no quiet moment
//        was found in two seconds.
// Tests. tests/tools/explain_test.py.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>

namespace spanheap::look {

class Stop {
 public:
  // Stops when `is_quiet` says so of the stopped process.
  Stop(pid_t pid, const std::function<bool()>& is_quiet);
  ~Stop() { LetGo(); }
  Stop(const Stop&) = delete;
  Stop& operator=(const Stop&) = delete;

 private:
  void HoldAll();
  bool HoldNew();
  void Hold(pid_t thread);
  void LetGo();

  const pid_t pid_;
  std::map<pid_t, int> held_;  // threads, with the signal each was about to get (0: none)
};

}  // namespace spanheap::look
