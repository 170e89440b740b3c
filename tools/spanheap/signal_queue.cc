// SPDX-License-Identifier: MIT
#include "spanheap/signal_queue.h"

#include <initializer_list>

namespace spanheap::tools {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

}  // namespace

SignalQueue::SignalQueue() {
  sigemptyset(&set_);
  for (const int signal :
       {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGCONT, SIGTSTP, SIGWINCH,
        SIGURG, SIGIO, SIGVTALRM, SIGPROF, SIGPWR, SIGCHLD, SIGXFSZ}) {
    sigaddset(&set_, signal);
  }
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) sigaddset(&set_, signal);
  // Ignored, it would hide the ends of children.
  struct sigaction plain = {};
  plain.sa_handler = SIG_DFL;
  sigaction(SIGCHLD, &plain, &old_child_action_);
  sigprocmask(SIG_BLOCK, &set_, &old_mask_);
}

void SignalQueue::Restore() const {
  sigaction(SIGCHLD, &old_child_action_, nullptr);
  sigprocmask(SIG_SETMASK, &old_mask_, nullptr);
}

bool SignalQueue::Take(int64_t timeout_ns, siginfo_t& info) const {
  const timespec limit = {timeout_ns / kSecond, timeout_ns % kSecond};
  return sigtimedwait(&set_, &info, timeout_ns < 0 ? nullptr : &limit) > 0;
}

bool WentToWholeGroup(const siginfo_t& info) {
  const bool is_from_kernel = info.si_code > 0;
  switch (info.si_signo) {
    case SIGINT:
    case SIGQUIT:
    case SIGTSTP:
    case SIGHUP:
    case SIGCONT:
    case SIGWINCH:
      return is_from_kernel;
    default:
      return false;
  }
}

}  // namespace spanheap::tools
