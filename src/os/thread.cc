// SPDX-License-Identifier: MIT
#include "os/thread.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"
#include "base/platform.h"
#include "os/keep_errno.h"

namespace spanheap::os {

uint32_t ThreadId() {
  KeepErrno keep;
  return static_cast<uint32_t>(syscall(SYS_gettid));
}

uint32_t ProcessId() {
  KeepErrno keep;
  return static_cast<uint32_t>(getpid());
}

SPANHEAP_AT_START bool ThreadExitHook::Create(Callback callback) {
  KeepErrno keep;
  SPANHEAP_CHECK(!created_);
  created_ = pthread_key_create(&key_, callback) == 0;
  return created_;
}

bool ThreadExitHook::Arm(void* value) {
  KeepErrno keep;
  SPANHEAP_CHECK(value != nullptr);
  return created_ && pthread_setspecific(key_, value) == 0;
}

void ThreadExitHook::Disarm() {
  KeepErrno keep;
  if (created_) pthread_setspecific(key_, nullptr);
}

}  // namespace spanheap::os
