// SPDX-License-Identifier: MIT
#include "collect/scan_kernel.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <vector>

namespace spanheap::collected {
namespace {

class RandomPage {
 public:
  RandomPage(unsigned seed, unsigned block_words) : random_(seed), block_words_(block_words) {
    const unsigned object_percent = random_() % 101;
    const unsigned pointer_percent = random_() % 101;
    for (unsigned slot = 0; slot < 1024 / block_words; ++slot) {
      if (random_() % 100 < object_percent) objects_[slot / 64] |= uint64_t{1} << (slot % 64);
    }
    for (unsigned word = 0; word < 1024; ++word) {
      if (random_() % 100 < pointer_percent) pointers_[word / 64] |= uint64_t{1} << (word % 64);
      words_[word] = random_() % 5 == 0 ? 0 : random_();
    }
  }

  std::vector<uintptr_t> ScanWith(ScanKernel kernel) const {
    const PageToScan page{objects_.data(), pointers_.data(), words_.data(), block_words_};
    std::vector<uintptr_t> all;
    for (unsigned quarter = 0; quarter < kQuarters; ++quarter) {
      std::array<uintptr_t, kMaxWords + kSlack> out{};
      const unsigned count = kernel(page, quarter, out.data());
      all.insert(all.end(), out.begin(), out.begin() + count);
    }
    return all;
  }

 private:
  std::mt19937_64 random_;
  unsigned block_words_;
  std::array<uint64_t, 9> objects_{};
  std::array<uint64_t, 17> pointers_{};
  std::array<uintptr_t, 1024> words_{};
};

void CompareWithPlain(ScanKernel kernel, unsigned least_words = 2) {
  for (unsigned block_words = least_words; block_words <= 64; ++block_words) {
    for (unsigned seed = 0; seed < 40; ++seed) {
      const RandomPage page(seed * 64 + block_words, block_words);
      ASSERT_EQ(page.ScanWith(kernel), page.ScanWith(ScanPlain)) << block_words << " " << seed;
    }
  }
}

TEST(ScanKernel, PlainTakesPointersOfMarkedObjectsThatAreNotNull) {
  std::array<uint64_t, 9> objects{0b101};
  std::array<uint64_t, 17> pointers{0b0110'11'0110'11};
  std::array<uintptr_t, 1024> words{};
  for (unsigned i = 0; i < 16; ++i) words[i] = 100 + i;
  words[1] = 0;
  std::array<uintptr_t, kMaxWords + kSlack> out{};
  // Objects of 3 words: words 0-2 and 6-8. Pointers: 0, 1, 3, 4, 6, 7, 9, 10.
  pointers[0] = 0b11011011011;
  EXPECT_EQ(ScanPlain({objects.data(), pointers.data(), words.data(), 3}, 0, out.data()), 3u);
  EXPECT_EQ(out[0], 100u);
  EXPECT_EQ(out[1], 106u);
  EXPECT_EQ(out[2], 107u);
}

TEST(ScanKernel, DepositsDoAsThePlainKernel) {
  if (!AskProcessor().bmi2) GTEST_SKIP() << "this processor has no BMI2";
  CompareWithPlain(ScanBmi2);
}

TEST(ScanKernel, VectorsDoAsThePlainKernel) {
  if (!AskProcessor().avx512) GTEST_SKIP() << "this processor has no AVX-512";
  CompareWithPlain(ScanAvx512);
}

TEST(ScanKernel, ObjectsOneByOneByVectorsDoAsThePlainKernel) {
  if (!AskProcessor().avx512) GTEST_SKIP() << "this processor has no AVX-512";
  CompareWithPlain(ScanEachAvx512, 8);
}

TEST(ScanKernel, IsChosenByDensity) {
  EXPECT_EQ(KernelFor({true, true}, 1, 100, 4), nullptr);
  EXPECT_EQ(KernelFor({true, true}, 13, 100, 4), ScanBmi2);
  EXPECT_EQ(KernelFor({true, true}, 25, 100, 4), ScanAvx512);
  EXPECT_EQ(KernelFor({true, false}, 100, 100, 8), ScanBmi2);
  EXPECT_EQ(KernelFor({false, false}, 100, 100, 8), nullptr);
}

TEST(ScanKernel, ObjectsThatFillVectorsAreTakenOneByOne) {
  EXPECT_EQ(KernelFor({true, true}, 2, 128, 8), nullptr);
  EXPECT_EQ(KernelFor({true, true}, 3, 128, 8), ScanEachAvx512);
  EXPECT_EQ(KernelFor({true, true}, 128, 128, 8), ScanEachAvx512);
  EXPECT_EQ(KernelFor({true, true}, 42, 85, 12), ScanEachAvx512);
  EXPECT_EQ(KernelFor({true, true}, 43, 85, 12), ScanAvx512);
}

}  // namespace
}  // namespace spanheap::collected
