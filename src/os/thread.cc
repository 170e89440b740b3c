// SPDX-License-Identifier: MIT
#include "os/thread.h"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <csignal>

#include "base/check.h"
#include "base/platform.h"
#include "os/futex.h"
#include "os/keep_errno.h"

namespace spanheap::os {

uint32_t ThreadId() {
  KeepErrno keep;
  return static_cast<uint32_t>(syscall(SYS_gettid));
}

namespace {

struct ThreadStart {
  void (*run)(void*);
  void* argument;
  const char* name;
  Atomic<uint32_t> taken;
};

void* RunThread(void* start) {
  const auto* const given = static_cast<ThreadStart*>(start);
  void (*const run)(void*) = given->run;
  void* const argument = given->argument;
  prctl(PR_SET_NAME, given->name);
  auto* const taken = &static_cast<ThreadStart*>(start)->taken;
  taken->StoreRelease(1);
  FutexWakeAll(*taken);  // a wake-up that comes too late meets nobody
  run(argument);
  return nullptr;
}

bool CreateDetached(ThreadStart& start) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_t thread;
  const bool created = pthread_create(&thread, &attributes, RunThread, &start) == 0;
  pthread_attr_destroy(&attributes);
  return created;
}

}  // namespace

bool StartThread(void (*run)(void*), void* argument, const char* name) {
  KeepErrno keep;
  ThreadStart start{run, argument, name, {}};
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const bool created = CreateDetached(start);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  while (created && start.taken.LoadAcquire() == 0) FutexWait(start.taken, 0);
  return created;
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
