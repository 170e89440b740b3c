// SPDX-License-Identifier: MIT
//
// The fixture on the heap itself: cycles run as long as a test does.
#include <optional>

#include "faces/native/native_fixture.h"
#include "faces/native_heap/cycles.h"

namespace spanheap {
namespace {

std::optional<Cycles> cycles;

}  // namespace

const int Native::kCyclesAtMost = 50;

Native::Native() { cycles.emplace(); }
Native::~Native() { cycles.reset(); }

void Native::CollectTo(std::size_t) { CollectAndReuse(); }
void Native::CollectAndRun() {
  CollectAndReuse();
  EXPECT_TRUE(RunFinalizers());
}

}  // namespace spanheap
