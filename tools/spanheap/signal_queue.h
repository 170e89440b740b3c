// SPDX-License-Identifier: MIT
//
// SignalQueue: the signals that ask for something, blocked and taken one by one.
//
// Idea.    What a shell, a supervisor or a terminal sends is blocked for as long as the queue
//          lives and read with sigtimedwait, so nothing runs in a handler. Signals of faults and
//          those that cannot be blocked are left alone. A file that may not grow is an error of the
//          call that writes it.
// Threads. One thread, one queue in a process.
#pragma once

#include <signal.h>

#include <cstdint>

namespace spanheap::tools {

class SignalQueue {
 public:
  SignalQueue();
  // Signal mask and dispositions as the caller of this command had them: for the child, and before
  // this process ends.
  void Restore() const;

  // Waits for one signal; no longer than `timeout_ns` unless that is negative. False: none came.
  bool Take(int64_t timeout_ns, siginfo_t& info) const;

 private:
  sigset_t set_ = {};
  sigset_t old_mask_ = {};
  struct sigaction old_child_action_ = {};
};

// True for what a terminal sends: the kernel told the whole process group. Another process's
// kill(2) of the group cannot be told from one of this process alone.
bool WentToWholeGroup(const siginfo_t& info);

}  // namespace spanheap::tools
