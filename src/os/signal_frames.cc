// SPDX-License-Identifier: MIT
#include "os/signal_frames.h"

#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "os/keep_errno.h"

namespace spanheap::os {
namespace {

constexpr uintptr_t kMostStack = 1 << 20;
constexpr size_t kPieceWords = 512;

// As the kernel has it, who knows of libc's own handlers, too, and of those that something between
// the program and libc keeps to itself.
struct KernelAction {
  uintptr_t handler = 0;
  unsigned long flags = 0;
  uintptr_t return_code = 0;
  uint64_t mask = 0;
};

// Where handlers return to: one place, as a rule.
class ReturnCodes {
 public:
  ReturnCodes() {
    for (int signal = 1; signal < NSIG; ++signal) {
      KernelAction action;
      if (syscall(SYS_rt_sigaction, signal, nullptr, &action, sizeof action.mask) != 0) continue;
      const bool is_handled = action.handler > 1;  // neither SIG_DFL nor SIG_IGN
      if (is_handled && action.return_code == 0) count_ = kMost + 1;
      Add(action.return_code);
    }
  }
  bool are_known() const { return count_ <= kMost; }
  bool are_none() const { return count_ == 0; }
  bool Contain(uintptr_t word) const {
    return std::find(codes_, codes_ + count_, word) != codes_ + count_;
  }

 private:
  static constexpr size_t kMost = 4;

  void Add(uintptr_t code) {
    if (code == 0 || !are_known() || Contain(code)) return;
    if (count_ < kMost) codes_[count_] = code;
    ++count_;  // above kMost: more than can be looked for
  }

  uintptr_t codes_[kMost] = {};
  size_t count_ = 0;
};

// False: not all of it can be read.
bool ReadWords(uintptr_t from, uintptr_t* words, size_t count) {
  iovec to = {words, count * sizeof *words};
  iovec what = {reinterpret_cast<void*>(from), to.iov_len};  // NOLINT(performance-no-int-to-ptr)
  return syscall(SYS_process_vm_readv, getpid(), &to, 1, &what, 1, 0) ==
         static_cast<long>(to.iov_len);
}

// The end of the stack that `low` lies on; 0: it is none that is known. The kernel puts random
// bytes for the program above the first thread's stack.
uintptr_t EndOfStack(uintptr_t low, uintptr_t variables) {
  for (const uintptr_t end : {variables, static_cast<uintptr_t>(getauxval(AT_RANDOM))}) {
    if (low < end && end - low <= kMostStack) return end;
  }
  return 0;
}

}  // namespace

bool MayHoldSignalFrame(uintptr_t low, uintptr_t variables) {
  KeepErrno keep;
  const ReturnCodes codes;
  if (codes.are_none()) return false;
  const uintptr_t end = EndOfStack(low, variables) / sizeof(uintptr_t) * sizeof(uintptr_t);
  if (!codes.are_known() || end == 0 || low % sizeof(uintptr_t) != 0) return true;
  uintptr_t words[kPieceWords];
  for (uintptr_t at = low; at < end;) {
    const size_t count = std::min<size_t>((end - at) / sizeof *words, kPieceWords);
    if (!ReadWords(at, words, count)) return true;
    for (size_t i = 0; i < count; ++i) {
      if (codes.Contain(words[i])) return true;
    }
    at += count * sizeof *words;
  }
  return false;
}

}  // namespace spanheap::os
