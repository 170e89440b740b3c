// SPDX-License-Identifier: MIT
#include "os/signals.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/line_writer.h"
#include "os/keep_errno.h"
#include "os/limits.h"

namespace spanheap::os {
namespace {

bool IsFree(int signal) {
  SignalAction action{};
  if (sigaction(signal, nullptr, &action) != 0) return false;
  return (action.sa_flags & SA_SIGINFO) == 0 &&
         (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN);
}

// libc cancels threads by a signal that its own functions on sets leave out: in a system call where
// a thread may be cancelled at any moment, its handler would unwind ours along.
void BlockCancellation(sigset_t& set) {
  constexpr int kCancellation = 32;
  unsigned long first;
  memcpy(&first, &set, sizeof first);
  first |= 1UL << (kCancellation - 1);
  memcpy(&set, &first, sizeof first);
}

uint64_t FromHex(const char* text) {
  uint64_t value = 0;
  for (;; ++text) {
    if (*text >= '0' && *text <= '9') {
      value = value * 16 + static_cast<uint64_t>(*text - '0');
    } else if (*text >= 'a' && *text <= 'f') {
      value = value * 16 + static_cast<uint64_t>(*text - 'a') + 10;
    } else {
      return value;
    }
  }
}

}  // namespace

int ChooseStopSignal() {
  KeepErrno keep;
  if (IsFree(SIGURG)) return SIGURG;
  for (int signal = SIGRTMAX; signal >= SIGRTMIN; --signal) {
    if (IsFree(signal)) return signal;
  }
  return 0;
}

bool InstallHandler(int signal, SignalHandler handler, SignalAction& previous) {
  KeepErrno keep;
  SignalAction action{};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  sigfillset(&action.sa_mask);
  BlockCancellation(action.sa_mask);
  return sigaction(signal, &action, &previous) == 0;
}

uintptr_t ReturnCode(int signal) {
  KeepErrno keep;
  SignalAction action{};
  if (sigaction(signal, nullptr, &action) != 0) return 0;
  return reinterpret_cast<uintptr_t>(action.sa_restorer);
}

Sent SendSignal(uint32_t thread_id, int signal, const void* mark) {
  KeepErrno keep;
  siginfo_t info{};
  info.si_signo = signal;
  info.si_code = SI_QUEUE;
  info.si_pid = getpid();
  info.si_uid = getuid();
  info.si_value.sival_ptr = const_cast<void*>(mark);
  if (syscall(SYS_rt_tgsigqueueinfo, getpid(), thread_id, signal, &info) == 0) return Sent::kYes;
  if (errno == ESRCH) return Sent::kNoSuchThread;
  // The queue of real-time signals is full, or a sandbox forbids the call.
  if (syscall(SYS_tgkill, getpid(), thread_id, signal) == 0) return Sent::kYes;
  return errno == ESRCH ? Sent::kNoSuchThread : Sent::kRefused;
}

bool HasMark(const siginfo_t& info, const void* mark) {
  return info.si_code == SI_QUEUE && info.si_value.sival_ptr == mark;
}

void ForwardSignal(const SignalAction& previous, int signal, siginfo_t* info, void* context) {
  if ((previous.sa_flags & SA_SIGINFO) != 0) {
    if (previous.sa_sigaction != nullptr) previous.sa_sigaction(signal, info, context);
    return;
  }
  if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) previous.sa_handler(signal);
}

SignalsBlocked::SignalsBlocked(Faults faults) {
  KeepErrno keep;
  sigset_t all;
  sigfillset(&all);
  if (faults == Faults::kNot) {
    constexpr int kFaults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT};
    for (const int fault : kFaults) sigdelset(&all, fault);
  }
  pthread_sigmask(SIG_SETMASK, &all, &before_);
}

SignalsBlocked::~SignalsBlocked() {
  KeepErrno keep;
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void UnblockSignal(int signal) {
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, signal);
  pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
}

bool BlocksSignal(uint32_t thread_id, int signal) {
  LineWriter path;
  path.Text("/proc/self/task/").Decimal(thread_id).Text("/status").Char('\0');
  char status[4096];
  const long size = ReadSmallFile(path.data(), status, sizeof status - 1);
  if (size <= 0) return false;
  status[size] = '\0';
  const char* mask = strstr(status, "SigBlk:\t");
  return mask != nullptr && ((FromHex(mask + 8) >> (signal - 1)) & 1) != 0;
}

}  // namespace spanheap::os
