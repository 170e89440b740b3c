// SPDX-License-Identifier: MIT
//
// The short way from a word to a mark bit, against ObjectFinder, and the window behind it.
#include "collect/mark_bits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "collect/mark_window.h"
#include "model_world.h"

namespace spanheap::collected {
namespace {

class MarkBitsTest : public testing::Test {
 protected:
  // Objects of many sizes and all domains.
  void SetUp() override {
    for (size_t bytes = 8; bytes <= 100'000; bytes += bytes / 3 + 8) {
      const size_t words = std::min<size_t>(bytes / 8, 64);
      layouts_.push_back(PlainLayout(8 * words));
      layouts_.push_back(PreciseLayout(words, &kFirstWord));
      layouts_.push_back(PreciseLayout(100, kSparse));
      for (size_t i = layouts_.size() - 3; i < layouts_.size(); ++i) {
        const size_t count = bytes / layouts_[i].size + 1;
        for (int n = 0; n < 40; ++n) objects_.push_back(world_.New(layouts_[i], count));
      }
    }
  }
  const SpanStore& store() { return world_.heap.store; }
  static void CompareAt(const SpanStore& store, uintptr_t word) {
    const ObjectFinder finder(store);
    const MarkBits bits(store);
    const ObjectRef expected = finder.Locate(word, finder.PageOf(word));
    const MarkBit bit = bits.Find(word);
    ASSERT_EQ(bit != 0, static_cast<bool>(expected)) << std::hex << word;
    if (bit == 0) return;
    const ObjectRef found = bits.ObjectOf(bit);
    ASSERT_EQ(found.page, expected.page);
    ASSERT_EQ(found.slot, expected.slot);
    ASSERT_EQ(found.kind, expected.kind);
    ASSERT_EQ(&bits.WordOf(bit), store.tables().marks(found.page) + found.slot / 64);
    ASSERT_EQ(MarkBits::MaskOf(bit), found.bit());
  }
  Atomic<uint64_t>& WordOf(const void* object) {
    const MarkBits bits(store());
    return bits.WordOf(bits.Find(reinterpret_cast<uintptr_t>(object)));
  }

  ModelWorld world_;
  std::deque<sh_layout> layouts_;  // they stay where they are
  std::vector<void*> objects_;

 private:
  static constexpr uint64_t kSparse[2] = {1, 1};
};

TEST_F(MarkBitsTest, FindsWhatObjectFinderFinds) {
  std::mt19937_64 random(1);
  for (void* const object : objects_) {
    const auto at = reinterpret_cast<uintptr_t>(object);
    for (const uintptr_t word : {at, at - 1, at + random() % 9000, at - random() % 9000}) {
      ASSERT_NO_FATAL_FAILURE(CompareAt(store(), word));
    }
  }
  for (const uintptr_t word : {uintptr_t{0}, uintptr_t{1}, ~uintptr_t{0}}) {
    ASSERT_NO_FATAL_FAILURE(CompareAt(store(), word));
  }
}

TEST_F(MarkBitsTest, SoItDoesInAHeapOfSeveralArenas) {
  ModelWorld world(64_MiB);
  const SpanStore& sparse = world.heap.store;
  for (int i = 0; i < 1'000'000 && sparse.pages().is_linear(); ++i) world.New(layouts_[1], 1000);
  ASSERT_FALSE(sparse.pages().is_linear());
  void* const far = world.New(layouts_[1]);
  const auto at = reinterpret_cast<uintptr_t>(far);
  ASSERT_GE(at - sparse.pages().tables().base.value, sparse.pages().tables().linear_bytes);
  ASSERT_NE(MarkBits(sparse).Find(at), 0U);
  for (const uintptr_t word : {at, at + 5, at - 1, at + (uintptr_t{1} << 30), uintptr_t{8}}) {
    ASSERT_NO_FATAL_FAILURE(CompareAt(sparse, word));
  }
}

TEST_F(MarkBitsTest, ABitOfASlotThatItsPageDoesNotHaveStandsForNothing) {
  const MarkBits bits(store());
  const MarkBit bit = bits.Find(reinterpret_cast<uintptr_t>(objects_.back()));
  ASSERT_TRUE(bits.ObjectOf(bit));
  EXPECT_FALSE(bits.ObjectOf(bit | 1023));
  EXPECT_FALSE(bits.ObjectOf(0));
}

TEST_F(MarkBitsTest, TheWindowPassesOnWhatIsNotMarkedAndKeepsTheNewest) {
  MarkWindow window(store());
  std::vector<uintptr_t> words;
  for (size_t i = 0; !window.is_full(); ++i) {
    words.push_back(reinterpret_cast<uintptr_t>(objects_[i * 17]));
    window.Add(1);  // points to nothing
    window.Add(words.back());
  }
  WordOf(objects_[17]).FetchOr(MarkBits::MaskOf(window.bits().Find(words[1])));
  MarkBit unmarked[MarkWindow::kMost];
  const unsigned count = window.TakeUnmarked(2, unmarked);
  ASSERT_EQ(count, words.size() - 3);  // two are kept, one was marked
  EXPECT_EQ(unmarked[0], window.bits().Find(words[0]));
  EXPECT_EQ(unmarked[1], window.bits().Find(words[2]));
  EXPECT_EQ(unmarked[count - 1], window.bits().Find(words[words.size() - 3]));
  ASSERT_EQ(window.TakeUnmarked(0, unmarked), 2U);
  EXPECT_EQ(unmarked[1], window.bits().Find(words.back()));
  EXPECT_TRUE(window.is_empty());
}

TEST_F(MarkBitsTest, TheWindowTakesManyAtATime) {
  MarkWindow window(store());
  std::vector<uintptr_t> words;
  for (size_t i = 0; i < 300; ++i) {
    words.push_back(i % 3 == 0 ? 0 : reinterpret_cast<uintptr_t>(objects_[i]));
  }
  std::vector<MarkBit> all;
  MarkBit unmarked[MarkWindow::kMost];
  for (unsigned done = 0; done < words.size();) {
    done += window.AddSome(words.data() + done, static_cast<unsigned>(words.size() - done));
    if (!window.is_full()) continue;
    all.insert(all.end(), unmarked, unmarked + window.TakeUnmarked(5, unmarked));
  }
  all.insert(all.end(), unmarked, unmarked + window.TakeUnmarked(0, unmarked));
  ASSERT_EQ(all.size(), 200U);
  for (size_t i = 0, k = 0; i < words.size(); ++i) {
    if (words[i] == 0) continue;
    ASSERT_EQ(all[k++], window.bits().Find(words[i]));
  }
}

}  // namespace
}  // namespace spanheap::collected
