// SPDX-License-Identifier: MIT
#include "spanheap/detail/take_slot.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace spanheap::detail {
namespace {

TEST(TakeSlot, HandsOutEachFreeSlotOnceAndThenNull) {
  std::mt19937_64 random(1);
  static char memory[64 * 48];
  for (int i = 0; i < 200; ++i) {
    const uint64_t free = random() & random();
    sh_inline_word_v1 word{free, memory, 0, 48, 0};
    std::set<char*> expected;
    for (unsigned bit = 0; bit < 64; ++bit) {
      if ((free >> bit & 1) != 0) expected.insert(memory + bit * 48);
    }
    std::set<char*> taken;
    unsigned bit = 0;
    while (char* const at = TakeSlot(word, bit)) {
      EXPECT_EQ(at, memory + bit * 48);
      EXPECT_TRUE(taken.insert(at).second);
    }
    EXPECT_EQ(taken, expected);
    EXPECT_EQ(word.free, 0U);
  }
}

// Compiled programs hold on to this.
static_assert(sizeof(sh_inline_word_v1) == 32 && offsetof(sh_inline_word_v1, free) == 0 &&
              offsetof(sh_inline_word_v1, start) == 8 &&
              offsetof(sh_inline_word_v1, pointer_bits) == 16 &&
              offsetof(sh_inline_word_v1, slot_bytes) == 24);
static_assert(sizeof(sh_inline_places_v1) == 264 && offsetof(sh_inline_places_v1, without) == 0 &&
              offsetof(sh_inline_places_v1, with_pointers) == 132);

#ifndef SH_PORTABLE_BARRIER

// The words of a thread as the heap would set them: none at 0, one for the type.
class TryTakeObjectTest : public testing::Test {
 protected:
  TryTakeObjectTest() { sh_inline_words_v1 = reinterpret_cast<char*>(words_); }
  ~TryTakeObjectTest() override { sh_inline_words_v1 = nullptr; }

  static constexpr uint64_t kBits = 3;
  alignas(16) char memory_[64 * 16] = {};
  sh_inline_word_v1 words_[2] = {{0, nullptr, 0, 0, 0}, {1, memory_, kBits, 16, 0}};
  sh_layout layout_ = {16, SH_SCAN_PRECISE, 0, &kBits, nullptr, nullptr, "pair", 0, 0};
};

TEST_F(TryTakeObjectTest, TakesFromTheWordThatTheHeapHasNamed) {
  EXPECT_EQ(TryTakeObject(layout_, kBits), nullptr);  // the heap has named none
  layout_.place = sizeof(sh_inline_word_v1);
  EXPECT_EQ(TryTakeObject(layout_, kBits), memory_);
  EXPECT_EQ(TryTakeObject(layout_, kBits), nullptr);
}

TEST_F(TryTakeObjectTest, LeavesSlotsAloneThatAreReadyForAnotherType) {
  layout_.place = sizeof(sh_inline_word_v1);
  EXPECT_EQ(TryTakeObject(layout_, 1), nullptr);
  EXPECT_EQ(words_[1].free, 1U);
}

TEST_F(TryTakeObjectTest, LeavesItToTheHeapWhereTheThreadIsNotKnown) {
  layout_.place = sizeof(sh_inline_word_v1);
  sh_inline_words_v1 = nullptr;
  EXPECT_EQ(TryTakeObject(layout_, kBits), nullptr);
}

// The words of a thread: none at 0, one for arrays of up to 32 bytes with pointers, one without.
class TryTakeArrayTest : public testing::Test {
 protected:
  TryTakeArrayTest() {
    for (unsigned i = 2; i <= 4; ++i) {
      places_.without[i] = sizeof(sh_inline_word_v1);
      places_.with_pointers[i] = 2 * sizeof(sh_inline_word_v1);
    }
    sh_inline_words_v1 = reinterpret_cast<char*>(words_);
  }
  ~TryTakeArrayTest() override { sh_inline_words_v1 = nullptr; }

  alignas(16) char memory_[2][64 * 32] = {};
  sh_inline_places_v1 places_ = {};
  sh_inline_word_v1 words_[3] = {{0, reinterpret_cast<char*>(&places_), 0, 0, 0},
                                 {1, memory_[0], 0, 32, 0},
                                 {1, memory_[1], 15, 32, 0}};
};

TEST_F(TryTakeArrayTest, TakesFromTheWordForItsSize) {
  EXPECT_EQ(TryTakeArray<false>(17, 0), memory_[0]);
  EXPECT_EQ(TryTakeArray<false>(17, 0), nullptr);
  EXPECT_EQ(TryTakeArray<true>(24, ~uint64_t{0}), memory_[1]);
  EXPECT_EQ(TryTakeArray<true>(24, ~uint64_t{0}), nullptr);
}

TEST_F(TryTakeArrayTest, LeavesSlotsAloneThatAreReadyForAnotherType) {
  EXPECT_EQ(TryTakeArray<true>(32, MultiplesOf(2)), nullptr);
  words_[2].pointer_bits = 5;
  EXPECT_EQ(TryTakeArray<true>(32, MultiplesOf(2)), memory_[1]);
}

TEST_F(TryTakeArrayTest, LeavesItToTheHeapWhereNothingIsClaimedOrKnown) {
  words_[2] = {};
  EXPECT_EQ(TryTakeArray<true>(32, ~uint64_t{0}), nullptr);
  sh_inline_words_v1 = nullptr;
  EXPECT_EQ(TryTakeArray<false>(32, 0), nullptr);
}

#endif

}  // namespace
}  // namespace spanheap::detail
