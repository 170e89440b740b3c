// SPDX-License-Identifier: MIT
#include "collect/pointer_bits.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace spanheap::collected {
namespace {

TEST(PointerBits, RepeatedElementsFillTheSlot) {
  std::mt19937_64 random(1);
  for (unsigned words = 1; words <= 64; ++words) {
    for (unsigned slot_words = words; slot_words <= 64; ++slot_words) {
      const uint64_t bits = random();  // those behind the element's last word say nothing
      uint64_t expected = 0;
      for (unsigned at = 0; at < slot_words; ++at) expected |= (bits >> at % words & 1) << at;
      EXPECT_EQ(RepeatBits(bits, words, slot_words), expected) << words << " in " << slot_words;
    }
  }
}

TEST(PointerBits, WritingASlotLeavesItsNeighboursAlone) {
  alignas(8192) static char page[8192];
  std::mt19937_64 random(2);
  for (const uint32_t block : {16u, 24u, 48u, 112u, 512u}) {
    Atomic<uint64_t> bits[16];
    std::vector<bool> model(1024);
    for (int i = 0; i < 2000; ++i) {
      const auto slot = static_cast<uint32_t>(random() % (8192 / block));
      const uint64_t mine = random() & LowBits(block / 8);
      WritePointerBits(bits, page + slot * block, block, mine);
      for (unsigned w = 0; w < block / 8; ++w) model[slot * block / 8 + w] = (mine >> w & 1) != 0;
    }
    for (unsigned w = 0; w < 1024; ++w) {
      ASSERT_EQ((bits[w / 64].LoadRelaxed() >> (w % 64) & 1) != 0, model[w]) << block << ' ' << w;
    }
  }
}

TEST(PointerBits, FillingARunIsWritingEachSlot) {
  alignas(8192) static char page[8192];
  std::mt19937_64 random(3);
  for (uint32_t block = 16; block <= 512; block += 8) {
    Atomic<uint64_t> filled[16];
    Atomic<uint64_t> written[16];
    const unsigned slots = 8192 / block;
    for (int i = 0; i < 500; ++i) {
      const auto from = static_cast<unsigned>(random() % slots);
      const auto run = static_cast<unsigned>(random() % std::min(64u, slots - from) + 1);
      const uint64_t mine = random();
      FillPointerBits(filled, page + from * block, block, run, mine);
      for (unsigned s = from; s < from + run; ++s) {
        WritePointerBits(written, page + s * block, block, mine & LowBits(block / 8));
      }
      for (unsigned w = 0; w < 16; ++w) {
        ASSERT_EQ(filled[w].LoadRelaxed(), written[w].LoadRelaxed()) << block << ' ' << w;
      }
    }
  }
}

}  // namespace
}  // namespace spanheap::collected
