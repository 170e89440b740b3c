// SPDX-License-Identifier: MIT
//
// ServiceThread: a thread that works for the heap and is none of the program's. ProcessEnd counts
// them, for they must not keep a process alive.
//
// Threads. Start: one at a time, not before a thread that was started earlier is on its way out or
//          was lost in a fork; not under malloc's own calls (os/service_thread.h).
// Fails.   Start: false, no thread can be had now.
// Tests.   tests/runtime/process_end_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>

#include "os/service_thread.h"

namespace spanheap {

class ServiceThread {
 public:
  using Body = void (*)(void*);

  // `name`: constant, at most 15 characters. `stack_bytes`: 0 is what the program's threads get.
  constexpr ServiceThread(const char* name, Body body, size_t stack_bytes = 0)
      : body_(body), thread_{Run, this, name, stack_bytes} {}
  ServiceThread(const ServiceThread&) = delete;
  ServiceThread& operator=(const ServiceThread&) = delete;

  // body(argument) runs in a thread of its own from now on.
  bool Start(void* argument);

 private:
  static void Run(void* self);

  const Body body_;
  void* argument_ = nullptr;
  os::ServiceThread thread_;
};

}  // namespace spanheap
