// SPDX-License-Identifier: MIT
//
// What tests of the C++ face on the heap itself share: objects that know whether they are whole,
// and cycles that run beside the test.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>

#include "spanheap/gc.h"

namespace spanheap {

// Knows its own address, inverted, so that it keeps nothing: once collected, garbage is in its
// place or nothing.
struct Witness {
  uintptr_t self = 0;
  Ptr<Witness> next;
};
inline bool IsWhole(const Witness* witness) {
  return witness->self == ~reinterpret_cast<uintptr_t>(witness);
}

[[gnu::noinline]] inline Witness* NewWitness() {
  Witness* const witness = New<Witness>();
  witness->self = ~reinterpret_cast<uintptr_t>(witness);
  return witness;
}

// Garbage that takes the slots of what died, and is not whole.
inline void Churn(int count) {
  for (int i = 0; i < count; ++i) New<Witness>();
}
// What frames below have left, too.
[[gnu::noinline]] inline void Overwrite() {
  volatile char space[8 << 10];
  for (volatile char& each : space) each = 0;
  Churn(2000);
}
inline void CollectAndReuse() {
  Overwrite();
  Collect();
  Overwrite();
}

// True as soon as it holds after a cycle and all it queued. A word that some stack has left can put
// a death off.
template <class Condition>
bool Eventually(Condition condition) {
  for (int i = 0; i < 50; ++i) {
    CollectAndReuse();
    RunFinalizers();
    if (condition()) return true;
  }
  return false;
}

// Cycles as long as this lives: half of them at least end while the program is at work.
class Cycles {
 public:
  Cycles() : thread_([this] { Run(); }) {}
  ~Cycles() {
    stop_ = true;
    const BlockingRegion waiting;
    thread_.join();
  }
  Cycles(const Cycles&) = delete;
  Cycles& operator=(const Cycles&) = delete;
  int done() const { return done_; }

 private:
  void Run() {
    for (; !stop_; ++done_) Collect();
  }
  std::atomic<bool> stop_ = false;
  std::atomic<int> done_ = 0;
  std::thread thread_;
};

}  // namespace spanheap
