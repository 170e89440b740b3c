// SPDX-License-Identifier: MIT
//
// Runner: a thread that is attached and does something over and over.
#pragma once

#include <thread>

#include "mutators/attached.h"
#include "os/futex.h"

namespace spanheap {

// A thread that is attached and runs `body` until told to stop.
class Runner {
 public:
  template <class Body>
  explicit Runner(Body body)
      : thread_([this, body] {
          Attached attached;
          record_.StoreRelease(&attached.record());
          while (!stop_.LoadAcquire()) body();
        }) {
    while (record_.LoadAcquire() == nullptr) os::YieldThread();
  }
  ~Runner() {
    stop_.StoreRelease(true);
    thread_.join();
  }
  Mutator& record() { return *record_.LoadAcquire(); }

 private:
  Atomic<bool> stop_;
  Atomic<Mutator*> record_;
  std::thread thread_;
};

}  // namespace spanheap
