// SPDX-License-Identifier: MIT
//
// What tests of the C++ face share. They run twice: on the fake, where roots alone keep objects and
// each object is counted, and on the heap itself, where stacks are searched and cycles run in
// another thread meanwhile (tests/faces/native_heap/fixture_on_heap.cc).
#pragma once

#include <gtest/gtest.h>

#include <thread>

#include "spanheap/gc.h"

namespace spanheap {

class Native : public testing::Test {
 protected:
  Native();
  ~Native() override;

  // A cycle; on the fake, so many objects are left.
  static void CollectTo(std::size_t count);
  // A cycle, and all that it queued.
  static void CollectAndRun();

  // On a stack that is gone afterwards, so that no word of it keeps an object.
  template <class Function>
  static void Elsewhere(Function function) {
    std::thread(function).join();
  }
  // True once it is so after a cycle: on the fake after one, on the heap within some, for a stale
  // word can put a death off.
  template <class Condition>
  static bool Eventually(Condition condition) {
    bool holds = false;
    for (int i = 0; i < kCyclesAtMost && !holds; ++i) {
      CollectAndRun();
      Elsewhere([&] { holds = condition(); });
    }
    return holds;
  }

 private:
  static const int kCyclesAtMost;
};

struct Node {
  Ptr<Node> left, right;
  int value;
};

}  // namespace spanheap
