// SPDX-License-Identifier: MIT
//
// What tests of the C++ face share: a fresh fake heap, in which roots alone keep objects.
#pragma once

#include <gtest/gtest.h>

#include "faces/native/fake_gc.h"
#include "spanheap/gc.h"

namespace spanheap {

class Native : public testing::Test {
 protected:
  Native() {
    fake_gc::Reset();
    fake_gc::ScanStack(false);
  }
  ~Native() override { fake_gc::Reset(); }

  // Objects left after a cycle.
  static std::size_t CountAfterCollect() {
    Collect();
    return fake_gc::Count();
  }
};

struct Node {
  Ptr<Node> left, right;
  int value;
};

}  // namespace spanheap
