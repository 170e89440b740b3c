// SPDX-License-Identifier: MIT
//
// Threads as the heap meets them: their kernel number, and a call when one of them ends.
//
// Idea.    A libc thread key with a destructor. Destructors of other keys may still allocate after
//          ours has run; who is called here must leave the thread able to (a late state).
// Threads. Create once, before others use the hook; Arm from the thread it is for.
// Fails.   Both return false when libc has no key or no memory for the value; the thread then ends
//          without the call.
// Cost.    Arm may allocate: libc keeps the first keys (32 with glibc) in the thread itself and
// asks
//          malloc for a block for the rest. A heap under malloc creates its key as early as it
//          can, and arms it only once the thread is able to allocate and would not arm again.
#pragma once

#include <pthread.h>

#include <cstdint>

namespace spanheap::os {

// The kernel's number of the calling thread; unique in the system while it lives.
uint32_t ThreadId();
// That of the process.
uint32_t ProcessId();

class ThreadExitHook {
 public:
  using Callback = void (*)(void*);

  constexpr ThreadExitHook() = default;
  ThreadExitHook(const ThreadExitHook&) = delete;
  ThreadExitHook& operator=(const ThreadExitHook&) = delete;

  // At the end of each armed thread, `callback` will be called there with the value it was armed
  // with. It may arm again to be called once more, after the other destructors (a few rounds).
  bool Create(Callback callback);
  // `value` is not null.
  bool Arm(void* value);
  // The calling thread ends without the call.
  void Disarm();

 private:
  pthread_key_t key_{};
  bool created_ = false;
};

}  // namespace spanheap::os
