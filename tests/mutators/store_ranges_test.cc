// SPDX-License-Identifier: MIT
//
// RestartAddress against a plain search, with made-up ranges around real addresses.
#include "mutators/store_ranges.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace spanheap {
namespace {

// Ranges that lie in the array itself: addresses are only compared.
class Section {
 public:
  explicit Section(uint32_t seed) : offset_(static_cast<int32_t>(seed << 20)) {
    std::mt19937 random(seed);
    std::vector<int32_t> starts;
    int32_t at = 0;
    for (size_t i = 0; i < kPairs; ++i) {
      at += 20 + static_cast<int32_t>(random() % 100);
      starts.push_back(at);
    }
    std::shuffle(starts.begin(), starts.end(), random);
    for (const int32_t start : starts) {
      const int32_t here = static_cast<int32_t>(words_.size() * sizeof(int32_t));
      words_.push_back(offset_ + start - here);
      words_.push_back(offset_ + start + 14 - (here + 4));
    }
    AddStoreRanges(begin(), begin() + words_.size());
  }
  ~Section() { RemoveStoreRanges(begin()); }

  const int32_t* begin() const { return words_.data(); }
  uintptr_t base() const {
    return reinterpret_cast<uintptr_t>(begin()) + static_cast<uintptr_t>(offset_);
  }
  uintptr_t Plain(uintptr_t address) const {
    for (size_t i = 0; i < words_.size(); i += 2) {
      const auto low = reinterpret_cast<uintptr_t>(&words_[i]) + static_cast<intptr_t>(words_[i]);
      if (address > low && address < low + 14) return low;
    }
    return address;
  }
  static constexpr size_t kPairs = 300;

 private:
  const int32_t offset_;  // its own: the ranges of two modules do not overlap
  std::vector<int32_t> words_ = Reserved();
  static std::vector<int32_t> Reserved() {
    std::vector<int32_t> words;
    words.reserve(2 * kPairs);
    return words;
  }
};

TEST(StoreRangesTest, AgreesWithAPlainSearchForSeveralModules) {
  const Section first(1);
  const Section second(2);
  for (const Section* section : {&first, &second}) {
    for (uintptr_t a = section->base(); a < section->base() + 120 * Section::kPairs; ++a) {
      ASSERT_EQ(RestartAddress(a), section->Plain(a));
    }
  }
}

TEST(StoreRangesTest, AnUnloadedModuleIsForgottenAndItsMemoryServesTheNext) {
  uintptr_t inside = 0;
  {
    const Section section(3);
    for (inside = section.base(); section.Plain(inside) == inside;) ++inside;
    EXPECT_NE(RestartAddress(inside), inside);
  }
  EXPECT_EQ(RestartAddress(inside), inside);
  for (uint32_t seed = 4; seed < 40; ++seed) const Section again(seed);
}

}  // namespace
}  // namespace spanheap
