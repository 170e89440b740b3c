// SPDX-License-Identifier: MIT
#include "os/service_thread.h"

#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/prctl.h>

#include <csignal>
#include <cstring>

#include "os/keep_errno.h"
#include "os/proc_text.h"
#include "os/small_file.h"
#include "os/system_text.h"

// Which loaded object an address belongs to, without any lock. Linux with glibc 2.35 and later.
extern "C" __attribute__((weak)) int _dl_find_object(void* pc, dl_find_object* result);

namespace spanheap::os {
namespace {

// A round of work needs a few KiB; libc puts the thread's variables on the same stack, and programs
// may have many of them.
constexpr size_t kStackBytes = 256 << 10;

struct Start {
  void (*body)(void*);
  void* argument;
  const char* name;
};
// Constant while a thread starts; there is one such thread in a process.
constinit Start start{};

void* Body(void*) {
  const Start mine = start;
  prctl(PR_SET_NAME, mine.name);
  mine.body(mine.argument);
  return nullptr;
}

bool Create() {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  pthread_t thread;
  const bool created = pthread_create(&thread, &attributes, Body, nullptr) == 0;
  pthread_attr_destroy(&attributes);
  return created;
}

const void* ObjectOf(const void* pc) {
  dl_find_object found{};
  return _dl_find_object(const_cast<void*>(pc), &found) == 0 ? found.dlfo_link_map : nullptr;
}

}  // namespace

bool StartServiceThread(void (*body)(void*), void* argument, const char* name) {
  KeepErrno keep;
  start = {body, argument, name};
  // The new thread inherits the mask.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0) return false;
  const bool created = Create();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return created;
}

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

Others OtherThreads() {
  KeepErrno keep;
  char text[2048];
  SmallFile file("/proc/self/status");
  const long size = file.is_open() ? file.Read(text, sizeof text - 1) : 0;
  if (size <= 0) return Others::kAll;
  text[size] = '\0';
  if (strstr(text, "\nState:\tZ") == nullptr) return Others::kAll;
  uint64_t threads = 0;
  NumberAfter(text, "\nThreads:\t", 10, threads);
  return threads <= 2 ? Others::kNone : Others::kNotTheFirst;
}

}  // namespace spanheap::os
