// SPDX-License-Identifier: MIT
#include "os/futex.h"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>

#include "os/keep_errno.h"

namespace spanheap::os {
namespace {

static_assert(sizeof(Atomic<uint32_t>) == sizeof(uint32_t));

void Futex(Atomic<uint32_t>& word, int operation, uint32_t value) {
  KeepErrno keep;
  syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, nullptr, nullptr, 0);
}

}  // namespace

void FutexWait(Atomic<uint32_t>& word, uint32_t expected) { Futex(word, FUTEX_WAIT, expected); }
void FutexWakeOne(Atomic<uint32_t>& word) { Futex(word, FUTEX_WAKE, 1); }
void FutexWakeAll(Atomic<uint32_t>& word) { Futex(word, FUTEX_WAKE, INT_MAX); }

void YieldThread() {
  KeepErrno keep;
  sched_yield();
}

}  // namespace spanheap::os
