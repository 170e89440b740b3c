// SPDX-License-Identifier: MIT
#include "mutators/root_ranges.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <thread>
#include <vector>

namespace spanheap {
namespace {

// Addresses are made up: nothing is read.
struct Seen {
  std::map<uintptr_t, uintptr_t> words;  // begin -> end, in bytes
};
void Note(const WordRanges& ranges, void* seen) {
  for (const os::WordSpan& range : ranges) {
    const auto begin = reinterpret_cast<uintptr_t>(range.begin);
    ASSERT_TRUE(static_cast<Seen*>(seen)
                    ->words.emplace(begin, reinterpret_cast<uintptr_t>(range.end))
                    .second);
  }
}
Seen ScanAll(RootRanges& ranges) {
  Seen seen;
  uint64_t bytes = 0;
  while (ranges.ScanNext(Note, &seen, bytes)) {}
  return seen;
}
// Slices that touch become one.
std::map<uintptr_t, uintptr_t> Joined(const Seen& seen) {
  std::map<uintptr_t, uintptr_t> joined;
  for (const auto& [begin, end] : seen.words) {
    if (!joined.empty() && joined.rbegin()->second == begin) {
      joined.rbegin()->second = end;
    } else {
      joined[begin] = end;
    }
  }
  return joined;
}

TEST(RootRangesTest, ARangeIsScannedOnceInAnEpochInSlices) {
  RootRanges ranges;
  constexpr uintptr_t kLow = 1 << 20;
  ASSERT_TRUE(ranges.Add(kLow, kLow + 5 * RootRanges::kSlice + 64));
  ranges.BeginEpoch();
  const Seen seen = ScanAll(ranges);
  EXPECT_EQ(seen.words.size(), 6U);
  EXPECT_EQ(Joined(seen).at(kLow), kLow + 5 * RootRanges::kSlice + 64);
  EXPECT_TRUE(ScanAll(ranges).words.empty());
  ranges.BeginEpoch();
  EXPECT_EQ(ScanAll(ranges).words.size(), 6U);
}

TEST(RootRangesTest, PartsOfWordsAtTheEndsDoNotCount) {
  RootRanges ranges;
  ASSERT_TRUE(ranges.Add(4097, 4127));
  ranges.BeginEpoch();
  EXPECT_EQ(ScanAll(ranges).words.at(4104), 4120U);
  EXPECT_FALSE(ranges.Remove(4096, 4127, nullptr));
  EXPECT_TRUE(ranges.Remove(4097, 4127, nullptr));
}

TEST(RootRangesTest, ARangeThatIsRemovedHalfwayIsLeftAtOnce) {
  RootRanges ranges;
  constexpr uintptr_t kLow = 1 << 20;
  ASSERT_TRUE(ranges.Add(kLow, kLow + 5 * RootRanges::kSlice));
  ranges.BeginEpoch();
  Seen seen;
  uint64_t bytes = 0;
  ASSERT_TRUE(ranges.ScanNext(Note, &seen, bytes));
  ASSERT_TRUE(ranges.Remove(kLow, kLow + 5 * RootRanges::kSlice, nullptr));
  EXPECT_FALSE(ranges.ScanNext(Note, &seen, bytes));
}

TEST(RootRangesTest, AgreesWithAMapOfRangesOverManyEpochs) {
  RootRanges ranges;
  std::map<uintptr_t, uintptr_t> model;
  std::mt19937 random(5);
  for (int epoch = 0; epoch < 30; ++epoch) {
    for (int i = 0; i < 60; ++i) {
      const uintptr_t low = ((random() % 1000) + 1) << 20;
      if (model.contains(low)) {
        ASSERT_TRUE(ranges.Remove(low, model[low], nullptr));
        model.erase(low);
      } else {
        model[low] = low + 8 * (1 + random() % 20000);
        ASSERT_TRUE(ranges.Add(low, model[low]));
      }
    }
    ranges.BeginEpoch();
    ASSERT_EQ(Joined(ScanAll(ranges)), model);
  }
}

// The memory is freed as soon as its range is removed: a scan that went on would read it.
void Read(const WordRanges& ranges, void* sum) {
  for (const os::WordSpan& range : ranges) {
    for (const uintptr_t* word = range.begin; word != range.end; ++word) {
      *static_cast<uintptr_t*>(sum) += *word;
    }
  }
}

TEST(RootRangesTest, MemoryMayBeFreedOnceItsRangeIsRemoved) {
  RootRanges ranges;
  Atomic<bool> stop;
  std::thread scanner([&] {
    uintptr_t sum = 0;
    uint64_t bytes = 0;
    while (!stop.LoadAcquire()) {
      ranges.BeginEpoch();
      while (ranges.ScanNext(Read, &sum, bytes)) {}
    }
    EXPECT_EQ(sum, 3 * (bytes / sizeof(uintptr_t)));
  });
  for (int i = 0; i < 300; ++i) {
    const std::vector<uintptr_t> words(20000, 3);
    const auto low = reinterpret_cast<uintptr_t>(words.data());
    ASSERT_TRUE(ranges.Add(low, low + words.size() * sizeof(uintptr_t)));
    std::this_thread::yield();
    ASSERT_TRUE(ranges.Remove(low, low + words.size() * sizeof(uintptr_t), nullptr));
  }
  stop.StoreRelease(true);
  scanner.join();
}

}  // namespace
}  // namespace spanheap
