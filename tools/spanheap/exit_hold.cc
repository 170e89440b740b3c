// SPDX-License-Identifier: MIT
#include "spanheap/exit_hold.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

namespace spanheap::tools {

bool ExitHold::Take(pid_t pid) {
  if (ptrace(PTRACE_SEIZE, pid, nullptr, PTRACE_O_TRACEEXIT) != 0) return false;
  pid_ = pid;
  return true;
}

ExitHold::Stop ExitHold::OnStop(int wait_status) {
  const int signal = WSTOPSIG(wait_status);
  switch (wait_status >> 16) {
    case PTRACE_EVENT_EXIT:
      return Stop::kAtEnd;
    case PTRACE_EVENT_STOP:
      if (signal != SIGTRAP) {
        Drop();  // it stays stopped
        return Stop::kJobControl;
      }
      if (is_dropping_) {
        Drop();
      } else {
        ptrace(PTRACE_CONT, pid_, nullptr, nullptr);
      }
      return Stop::kHandled;
    default:
      ptrace(PTRACE_CONT, pid_, nullptr, signal);
      return Stop::kHandled;
  }
}

void ExitHold::Drop() {
  ptrace(PTRACE_DETACH, pid_, nullptr, nullptr);
  pid_ = 0;
}

void ExitHold::DropSoon() {
  if (is_dropping_) return;
  is_dropping_ = true;
  ptrace(PTRACE_INTERRUPT, pid_, nullptr, nullptr);
}

}  // namespace spanheap::tools
