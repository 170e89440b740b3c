// SPDX-License-Identifier: MIT
//
// The checks of debug builds: a Ptr where the collector does not look ends the process.
#define SPANHEAP_POINTER_CHECKS 1
#include <vector>

#include "faces/native/native_fixture.h"

namespace spanheap {
namespace {

using PointerCheckDeathTest = Native;

struct Forgetful {
  Forgetful() {}
  Ptr<Node> known;
  int number = 0;
  Ptr<Node> forgotten;
  SH_LAYOUT(Forgetful, known);
};

TEST_F(PointerCheckDeathTest, AForgottenFieldIsNamedAtTheFirstObject) {
  EXPECT_DEATH(New<Forgetful>(), "Forgetful has a Ptr at offset 16 that its layout does not name");
}

TEST_F(PointerCheckDeathTest, AlsoInLaterElementsOfAnArray) {
  EXPECT_DEATH(NewArray<Forgetful>(2), "offset 16");
}

struct Plain {
  std::vector<Ptr<Node>> outside;
  SH_LAYOUT(Plain);
};

TEST_F(PointerCheckDeathTest, StorageOfAStandardContainerIsNoPlaceForPtrs) {
  std::vector<Ptr<Node>> outside;
  EXPECT_DEATH(outside.emplace_back(nullptr), "where the collector does not look");
  auto* const plain = New<Plain>();
  EXPECT_DEATH(plain->outside.emplace_back(nullptr), "where the collector does not look");
}

TEST_F(PointerCheckDeathTest, RegisteredRangesAreAPlace) {
  alignas(8) static unsigned char memory[64];
  EXPECT_DEATH(new (memory) Ptr<Node>(), "where the collector does not look");
  sh_gc_add_range(memory, memory + 64);
  new (memory) Ptr<Node>();
  sh_gc_remove_range(memory, memory + 64);
}

}  // namespace
}  // namespace spanheap
