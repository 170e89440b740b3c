// SPDX-License-Identifier: MIT
//
// Threads for rows: start a few together, time them from the common start to the last exit; and how
// they wait.
#pragma once

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

#include "bench/harness/measure.h"

namespace spanheap::bench {

constexpr int kMaxThreads = 1024;

// Items that a thread performs in a repetition at the least, so that its start does not show.
constexpr std::uint64_t kLeastThreadItems = 40000;

// Waits politely: a few pauses, then the processor goes to someone else (rows run more threads than
// CPUs).
class Backoff {
 public:
  void Wait() {
    if (++turns_ < 64) {
      __builtin_ia32_pause();
    } else {
      sched_yield();
    }
  }

 private:
  int turns_ = 0;
};

inline pthread_t StartThread(void* (*body)(void*), void* argument) {
  pthread_t thread;
  if (pthread_create(&thread, nullptr, body, argument) != 0) {
    std::perror("bench: pthread_create");
    std::_Exit(3);
  }
  return thread;
}

// Runs body(index) on `count` threads that start together; nanoseconds from the start to the last
// join.
template <class Body>
double TimeThreads(int count, Body body) {
  struct Gate {
    Body* body;
    std::atomic<int> next{0};
    std::atomic<int> ready{0};
    std::atomic<bool> open{false};
  } gate{&body};
  auto run = [](void* argument) -> void* {
    Gate& shared = *static_cast<Gate*>(argument);
    const int index = shared.next.fetch_add(1);
    shared.ready.fetch_add(1);
    for (Backoff backoff; !shared.open.load(std::memory_order_acquire);) backoff.Wait();
    (*shared.body)(index);
    return nullptr;
  };
  pthread_t threads[kMaxThreads];
  for (int i = 0; i < count; ++i) threads[i] = StartThread(run, &gate);
  for (Backoff backoff; gate.ready.load() < count;) backoff.Wait();
  const double start = WallNs();
  gate.open.store(true, std::memory_order_release);
  for (int i = 0; i < count; ++i) pthread_join(threads[i], nullptr);
  return WallNs() - start;
}

}  // namespace spanheap::bench
