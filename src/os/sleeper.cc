// SPDX-License-Identifier: MIT
#include "os/sleeper.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <initializer_list>

#include "os/keep_errno.h"
#include "os/proc_text.h"
#include "os/signal_frames.h"
#include "os/small_file.h"

namespace spanheap::os {
namespace {

constexpr size_t kText = 4096;

// "/proc/self/task/<id>/<name>", read whole. False: it is not there.
bool ReadOfThread(uint32_t thread_id, const char* name, char (&text)[kText]) {
  char path[64];
  char digits[12];
  char* number = digits + sizeof digits;
  *--number = '\0';
  do {
    *--number = static_cast<char>('0' + thread_id % 10);
    thread_id /= 10;
  } while (thread_id != 0);
  char* end = path;
  for (const char* piece : {"/proc/self/task/", static_cast<const char*>(number), "/", name}) {
    const size_t size = strlen(piece);
    memcpy(end, piece, size + 1);
    end += size;
  }
  SmallFile file(path);
  if (!file.is_open()) return false;
  const long size = file.Read(text, sizeof text - 1);
  if (size <= 0) return false;
  text[size] = '\0';
  return true;
}

struct Status {
  bool is_sleeping = false;
  uint64_t blocked = 0;
  uint64_t handled = 0;
  uint64_t switches = 0;  // voluntary
};

bool ReadStatus(uint32_t thread_id, Status& status) {
  char text[kText];
  if (!ReadOfThread(thread_id, "status", text)) return false;
  status.is_sleeping = strstr(text, "\nState:\tS") != nullptr;
  return NumberAfter(text, "\nSigBlk:\t", 16, status.blocked) &&
         NumberAfter(text, "\nSigCgt:\t", 16, status.handled) &&
         NumberAfter(text, "\nvoluntary_ctxt_switches:\t", 10, status.switches);
}

// The file begins with the number of the system call, or "running", or -1: asleep elsewhere. Behind
// it are six arguments, then the stack pointer.
bool IsInSystemCall(uint32_t thread_id, uintptr_t& stack_pointer) {
  constexpr int kWordsBefore = 7;
  char text[kText];
  if (!ReadOfThread(thread_id, "syscall", text) || text[0] < '0' || text[0] > '9') return false;
  const char* at = text;
  for (int word = 0; word < kWordsBefore && at != nullptr; ++word) at = strchr(at + 1, ' ');
  uint64_t number = 0;
  if (at == nullptr || !NumberAfter(at, " 0x", 16, number)) return false;
  stack_pointer = number;
  return true;
}

// It comes from what its thread does, in a program that has handlers for it as they are meant.
bool IsOfAnInstruction(int signal) {
  return signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE || signal == SIGILL ||
         signal == SIGABRT;
}

}  // namespace

uint64_t BlockedSignals() {
  KeepErrno keep;
  uint64_t mask = 0;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, nullptr, &mask, sizeof mask);
  return mask;
}

void SetBlockedSignals(uint64_t mask) {
  KeepErrno keep;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, nullptr, sizeof mask);
}

bool HandlersBlockTheirSignals() {
  KeepErrno keep;
  for (int signal = 1; signal < NSIG; ++signal) {
    if (IsOfAnInstruction(signal)) continue;
    struct sigaction action{};
    if (sigaction(signal, nullptr, &action) != 0) continue;  // libc's own
    // The flags stay when a handler of one call is gone, and may be running.
    const auto open = static_cast<unsigned>(SA_NODEFER) | static_cast<unsigned>(SA_RESETHAND);
    if ((static_cast<unsigned>(action.sa_flags) & open) != 0) return false;
  }
  return true;
}

bool IsThere(uint32_t thread_id) {
  KeepErrno keep;
  return syscall(SYS_tgkill, getpid(), thread_id, 0) == 0 || errno != ESRCH;
}

bool IsAsleep(const Thread& thread) {
  KeepErrno keep;
  const uint32_t thread_id = thread.id;
  Status first;
  Status last;
  uintptr_t stack_pointer = 0;
  if (!ReadStatus(thread_id, first) || !first.is_sleeping) return false;
  if (!IsInSystemCall(thread_id, stack_pointer)) return false;
  const bool may_be_in_handler = kFindsSignalFrames
                                     ? MayHoldSignalFrame(stack_pointer, thread.variables)
                                     : (first.blocked & first.handled & ~thread.blocked) != 0;
  if (may_be_in_handler) return false;
  return ReadStatus(thread_id, last) && last.is_sleeping && last.switches == first.switches;
}

// The file: time run, time waited for a processor, times run.
uint64_t RunsOf(uint32_t thread_id) {
  KeepErrno keep;
  char text[kText];
  if (!ReadOfThread(thread_id, "schedstat", text)) return 0;
  const char* last = strrchr(text, ' ');
  uint64_t runs = 0;
  return last != nullptr && NumberAfter(last, " ", 10, runs) ? runs : 0;
}

}  // namespace spanheap::os
