// SPDX-License-Identifier: MIT
#include "os/futex.h"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <ctime>

#include "base/platform.h"
#include "os/keep_errno.h"

namespace spanheap::os {
namespace {

static_assert(sizeof(Atomic<uint32_t>) == sizeof(uint32_t));

void Futex(Atomic<uint32_t>& word, int operation, uint32_t value) {
  KeepErrno keep;
  syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, nullptr, nullptr, 0);
}

}  // namespace

// Where handlers come late, none runs before a wait is over; and who is waited for may wait until
// this thread has answered a signal.
void FutexWait(Atomic<uint32_t>& word, uint32_t expected) {
  constexpr uint64_t kUntilHandlersRun_ns = 10'000'000;
  if constexpr (kHandlersComeLate) {
    FutexWaitFor_ns(word, expected, kUntilHandlersRun_ns);
  } else {
    Futex(word, FUTEX_WAIT, expected);
  }
}

void FutexWaitFor_ns(Atomic<uint32_t>& word, uint32_t expected, uint64_t ns) {
  KeepErrno keep;
  const timespec most{static_cast<time_t>(ns / 1'000'000'000),
                      static_cast<long>(ns % 1'000'000'000)};
  syscall(SYS_futex, &word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, expected, &most, nullptr, 0);
}
void FutexWakeOne(Atomic<uint32_t>& word) { Futex(word, FUTEX_WAKE, 1); }
void FutexWakeAll(Atomic<uint32_t>& word) { Futex(word, FUTEX_WAKE, INT_MAX); }

void YieldThread() {
  KeepErrno keep;
  sched_yield();
}

// By number: libc's wrapper is a cancellation point.
void SleepFor_ns(uint64_t ns) {
  KeepErrno keep;
  const timespec duration{0, static_cast<long>(ns)};
  syscall(SYS_nanosleep, &duration, nullptr);
}

void GiveWay(unsigned turn) {
  constexpr unsigned kYields = 200;
  constexpr uint64_t kNap_ns = 50'000;
  if (turn < kYields) {
    YieldThread();
  } else {
    SleepFor_ns(kNap_ns);
  }
}

}  // namespace spanheap::os
