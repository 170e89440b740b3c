// SPDX-License-Identifier: MIT
//
// The fixture on a fresh fake heap.
#include "faces/native/fake_gc.h"
#include "faces/native/native_fixture.h"

namespace spanheap {

const int Native::kCyclesAtMost = 1;

Native::Native() {
  fake_gc::Reset();
  fake_gc::ScanStack(false);
}
Native::~Native() { fake_gc::Reset(); }

void Native::CollectTo(std::size_t count) {
  Collect();
  EXPECT_EQ(fake_gc::Count(), count);
}
void Native::CollectAndRun() {
  Collect();
  EXPECT_TRUE(RunFinalizers());
}

}  // namespace spanheap
