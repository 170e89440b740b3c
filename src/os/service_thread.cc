// SPDX-License-Identifier: MIT
#include "os/service_thread.h"

#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <pthread.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/prctl.h>

#include <csignal>
#include <cstring>

#include "os/keep_errno.h"
#include "os/signals.h"
#include "os/small_file.h"
#include "os/system_text.h"
#include "os/thread.h"

// Which loaded object an address belongs to, without any lock. Linux with glibc 2.35 and later.
extern "C" __attribute__((weak)) int _dl_find_object(void* pc, dl_find_object* result);

// glibc 2.32 and later.
extern "C" __attribute__((weak)) char __libc_single_threaded;

namespace spanheap::os {
namespace {

void* Body(void* thread) {
  const auto& mine = *static_cast<const ServiceThread*>(thread);
  prctl(PR_SET_NAME, mine.name);
  mine.run(mine.argument);
  return nullptr;
}

// Whoever starts the thread may be one of real time; what the thread does is not. Other policies it
// inherits: not every process may leave them.
void LeaveRealTime(pthread_attr_t& attributes) {
  const int policy = sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
  if (policy != SCHED_FIFO && policy != SCHED_RR && policy != SCHED_DEADLINE) return;
  const sched_param none{};
  pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
  pthread_attr_setschedpolicy(&attributes, SCHED_OTHER);
  pthread_attr_setschedparam(&attributes, &none);
}

bool Create(const ServiceThread& thread) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  LeaveRealTime(attributes);
  if (thread.stack_bytes != 0) pthread_attr_setstacksize(&attributes, thread.stack_bytes);
  pthread_t id;
  const bool created =
      pthread_create(&id, &attributes, Body, const_cast<ServiceThread*>(&thread)) == 0;
  pthread_attr_destroy(&attributes);
  return created;
}

const void* ObjectOf(const void* pc) {
  dl_find_object found{};
  return _dl_find_object(const_cast<void*>(pc), &found) == 0 ? found.dlfo_link_map : nullptr;
}

}  // namespace

bool Start(const ServiceThread& thread) {
  KeepErrno keep;
  const SignalsBlocked inherited(Faults::kToo);
  return Create(thread);
}

bool HasOneThread() { return &__libc_single_threaded != nullptr && __libc_single_threaded != 0; }

bool IsSystemCode(const void* pc) {
  if (&_dl_find_object == nullptr) return IsInSystemText(pc);
  const void* const libc = ObjectOf(gnu_get_libc_version());
  const auto linker = getauxval(AT_BASE);
  if (libc == nullptr || linker == 0) return true;
  const void* const object = ObjectOf(pc);
  // Code in no object was made by the program as it ran.
  return object != nullptr &&
         (object == libc || object == ObjectOf(reinterpret_cast<const void*>(linker)));
}

// "PID (NAME) STATE ...": the name may hold anything, so the last parenthesis counts. The number of
// threads is the 18th word from the state on; a blank has to follow it.
bool ReadThreads(const char* stat, ThreadsLeft& left) {
  constexpr int kWordsBefore = 17;
  const char* at = strrchr(stat, ')');
  if (at == nullptr || at[1] != ' ') return false;
  left.has_first_ended = at[2] == 'Z';
  at += 2;
  for (int word = 0; word < kWordsBefore; ++word) {
    at = strchr(at, ' ');
    if (at == nullptr) return false;
    ++at;
  }
  uint32_t threads = 0;
  for (; *at >= '0' && *at <= '9'; ++at) threads = threads * 10 + static_cast<uint32_t>(*at - '0');
  if (*at != ' ' || threads == 0) return false;
  left.count = threads - (left.has_first_ended ? 1 : 0);
  return true;
}

bool CountThreads(ThreadsLeft& left) {
  KeepErrno keep;
  char text[1024];
  SmallFile file("/proc/self/stat");
  const long size = file.is_open() ? file.Read(text, sizeof text - 1) : 0;
  if (size <= 0) return false;
  text[size] = '\0';
  return ReadThreads(text, left);
}

bool IsFirstThread() { return ThreadId() == ProcessId(); }

}  // namespace spanheap::os
