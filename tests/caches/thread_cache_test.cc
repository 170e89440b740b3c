// SPDX-License-Identifier: MIT
//
// ThreadCache: random scripts of two threads' caches against a multiset of what is live; how
// capacities grow and shrink; held runs; everything comes back at the end.
#include "caches/thread_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <set>
#include <vector>

#include "caches/held_runs_inl.h"
#include "models/script_random.h"
#include "spans/span_fixture.h"

namespace spanheap {
namespace {

constexpr size_t kMaxSmallBytes = (4 << 20) + FirstSmallBytes();
constexpr unsigned kFirstUntabled = MallocClassFor(kMaxTabledBytes + 1);

class CacheFixture : public SpanFixture {
 public:
  CacheShare& share() { return share_; }

 private:
  CacheShare share_{pages().gauge()};
};

// A block with its cache, used as malloc and free use them.
class CacheUser {
 public:
  explicit CacheUser(CacheFixture& fixture)
      : block_(std::make_unique<ThreadBlock>()), cache_(fixture.spans(), fixture.share(), *block_) {
    cache_.Begin();
  }

  void* Take(unsigned c) {
    if (c >= kFirstUntabled) {
      if (void* held = cache_.PopHeldRun(c)) return held;
    } else if (void* block = *top(c)) {
      LowerTop(block_->bins, c, top(c) - 1);
      return block;
    }
    bool zeroed = false;
    return cache_.Refill(c, zeroed);
  }
  void Give(unsigned c, void* p) {
    if (c >= kFirstUntabled && cache_.TryHoldRun(c, p, "test")) return;
    if (top(c) == block_->bins.limits[c]) return cache_.PushFull(c, p, "test");
    top(c)[1] = p;
    RaiseTop(block_->bins, c);
  }

  ThreadCache& cache() { return cache_; }
  ThreadBlock& block() { return *block_; }
  // A closed bin is given the first capacity at its first use.
  uint32_t capacity(unsigned c) const {
    const uint32_t now = block_->classes[c].capacity;
    return now != 0 ? now : FirstCapacity(c);
  }
  int64_t Out(unsigned c) const {
    return static_cast<int64_t>(block_->classes[c].taken.LoadRelaxed() -
                                block_->classes[c].returned.LoadRelaxed());
  }
  // Every stack within its bounds, its lowest slot null.
  void ExpectSound() const {
    size_t held = 0;
    size_t kept = 0;
    for (unsigned c = 1; c < kMallocClassCount; ++c) {
      kept += block_->classes[c].capacity * BlockBytes(c);
      if (IsSmallClass(c) && block_->spans[c] != nullptr) kept += BytesOf(RunPages(c)).value;
      const uint32_t depth = block_->depth(c);
      EXPECT_EQ(*block_->bottom(c), nullptr) << "class " << c;
      EXPECT_LE(depth, kMaxCapacities[c]) << "class " << c;
      if (c >= kFirstUntabled) {
        held += depth * BlockBytes(c);
        EXPECT_EQ(block_->bins.limits[c], top(c));
      } else {
        EXPECT_LE(depth, capacity(c)) << "class " << c;
        EXPECT_GE(capacity(c), FirstCapacity(c)) << "class " << c;
        EXPECT_EQ(block_->bins.limits[c], block_->bottom(c) + block_->classes[c].capacity);
      }
    }
    EXPECT_EQ(block_->kept_bytes, kept + held);
    cache_.Verify();
    EXPECT_LE(held, CacheShare::kMostForOne);
    EXPECT_LE(block_->small_bytes, kMaxSmallBytes);
  }

 private:
  void** top(unsigned c) const { return block_->bins.tops[c].LoadRelaxed(); }

  std::unique_ptr<ThreadBlock> block_;
  ThreadCache cache_;
};

struct Live {
  unsigned malloc_class;
  void* block;
};

// Two threads' caches and one program, whose blocks go back through either.
class CacheScript {
 public:
  explicit CacheScript(uint64_t seed) : random_(seed) {}

  void Step(bool fills) {
    CacheUser& user = users_[random_.Below(2)];
    if (live_.empty() || random_.Below(10) < (fills ? 7U : 3U)) return Take(user);
    std::swap(live_[random_.Below(live_.size())], live_.back());
    GiveLast(user);
  }
  void FlushOne() { users_[random_.Below(2)].cache().Flush(); }
  // taken - returned = live + cached, per class; to the spans, what is on the shelf is in use, too.
  void Check() {
    uint64_t small = 0;
    for (unsigned c = 1; c < kMallocClassCount; ++c) {
      const int64_t out = users_[0].Out(c) + users_[1].Out(c);
      const uint64_t cached = users_[0].block().depth(c) + users_[1].block().depth(c);
      ASSERT_EQ(out, static_cast<int64_t>(classes_.count(c) + cached)) << "class " << c;
      if (IsSmallClass(c)) small += static_cast<uint64_t>(out) + fixture_.spans().shelved(c);
    }
    for (CacheUser& user : users_) user.ExpectSound();
    EXPECT_EQ(fixture_.VerifiedUse(), small);
  }
  void End() {
    while (!live_.empty()) GiveLast(users_[live_.size() % 2]);
    Check();
    for (CacheUser& user : users_) {
      user.cache().End();
      for (unsigned c = 1; c < kMallocClassCount; ++c) EXPECT_EQ(user.block().depth(c), 0U);
    }
    for (unsigned c = 1; c < kMallocClassCount; ++c) {
      EXPECT_EQ(users_[0].Out(c) + users_[1].Out(c), 0) << "class " << c;
    }
    fixture_.ExpectEmpty();
  }

 private:
  unsigned RandomClass() {
    if (random_.OneIn(50)) return static_cast<unsigned>(1 + random_.Below(kMallocClassCount - 5));
    if (random_.OneIn(4)) return static_cast<unsigned>(1 + random_.Below(kSmallClasses));
    return static_cast<unsigned>(1 + random_.Below(6));  // a few bins see most of it
  }
  void Take(CacheUser& user) {
    const unsigned c = RandomClass();
    void* const block = user.Take(c);
    ASSERT_NE(block, nullptr);
    // Whoever else had it would see its name overwritten.
    memcpy(block, &block, sizeof block);
    live_.push_back({c, block});
    classes_.insert(c);
  }
  void GiveLast(CacheUser& user) {
    const Live last = live_.back();
    live_.pop_back();
    classes_.erase(classes_.find(last.malloc_class));
    ASSERT_EQ(memcmp(last.block, &last.block, sizeof last.block), 0);
    memset(last.block, 0xDD, 16);
    user.Give(last.malloc_class, last.block);
  }

  CacheFixture fixture_;
  CacheUser users_[2]{CacheUser(fixture_), CacheUser(fixture_)};
  ScriptRandom random_;
  std::vector<Live> live_;
  std::multiset<unsigned> classes_;  // of the live blocks
};

TEST(ThreadCacheTest, WhatIsTakenAndNotReturnedIsLiveOrCachedOverRandomScripts) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    CacheScript script(seed);
    for (int step = 0; step < 40'000 && !testing::Test::HasFailure(); ++step) {
      script.Step(step / 5000 % 2 == 0);
      if (step % 7000 == 6999) script.FlushOne();
      if (step % 2000 == 0) script.Check();
    }
    script.End();
  }
}

TEST(ThreadCacheTest, ABinThatRunsEmptyDoublesUpToItsBound) {
  CacheFixture fixture;
  CacheUser user(fixture);
  for (const unsigned c : {1U, 20U, 50U, kSmallClasses, kFirstRunClass}) {
    uint32_t expected = FirstCapacity(c);
    EXPECT_EQ(user.capacity(c), expected);
    std::vector<void*> blocks;
    for (int refill = 0; refill < 12; ++refill) {
      const uint64_t refills = user.block().refills.LoadRelaxed();
      const uint64_t taken = user.block().classes[c].taken.LoadRelaxed();
      while (user.block().refills.LoadRelaxed() == refills) blocks.push_back(user.Take(c));
      // At most half of the capacity, never nothing.
      const uint64_t batch = user.block().classes[c].taken.LoadRelaxed() - taken;
      EXPECT_GE(batch, 1U);
      EXPECT_LE(batch, std::min((expected + 1) / 2, SpanHeap::kMaxBatch));
      expected = std::min<uint32_t>(expected * 2, kMaxCapacities[c]);
      EXPECT_EQ(user.capacity(c), expected) << "class " << c;
    }
    EXPECT_EQ(user.capacity(c), kMaxCapacities[c]);
    for (void* block : blocks) user.Give(c, block);
  }
  user.ExpectSound();
  user.cache().End();
  fixture.ExpectEmpty();
}

TEST(ThreadCacheTest, ABinThatRunsFullDoublesAndThenGivesAwayItsOldestHalf) {
  CacheFixture fixture;
  CacheUser user(fixture);
  CacheUser other(fixture);
  const unsigned c = 30;
  const uint32_t most = kMaxCapacities[c];
  std::vector<void*> blocks;
  for (uint32_t i = 0; i < most + 1; ++i) blocks.push_back(other.Take(c));
  for (uint32_t i = 0; i < most; ++i) user.Give(c, blocks[i]);
  EXPECT_EQ(user.block().depth(c), most);
  EXPECT_EQ(user.capacity(c), most);
  EXPECT_EQ(user.block().classes[c].returned.LoadRelaxed(), 0U);
  user.Give(c, blocks[most]);
  const uint32_t batch = (most + 1) / 2;
  EXPECT_EQ(fixture.spans().shelved(c), batch);
  EXPECT_EQ(user.block().classes[c].returned.LoadRelaxed(), batch);
  EXPECT_EQ(user.block().depth(c), most - batch + 1);
  // What is left are the youngest, the last one on top.
  for (uint32_t i = most + 1; i-- > batch;) ASSERT_EQ(user.Take(c), blocks[i]) << i;
  for (uint32_t i = batch; i < most + 1; ++i) user.Give(c, blocks[i]);
  user.cache().End();
  other.cache().End();
  fixture.ExpectEmpty();
}

TEST(ThreadCacheTest, OtherBinsShrinkWhenTheThreadMayHoldNoMore) {
  CacheFixture fixture;
  CacheUser user(fixture);
  bool shrunk = false;
  for (unsigned c = 1; c <= kSmallClasses; ++c) {
    std::vector<void*> blocks;
    for (uint32_t i = 0; i < 2 * kMaxCapacities[c]; ++i) blocks.push_back(user.Take(c));
    for (void* block : blocks) {
      user.Give(c, block);
      ASSERT_LE(user.block().small_bytes, kMaxSmallBytes);
    }
    for (unsigned earlier = 1; earlier < c; ++earlier) {
      shrunk |= user.capacity(earlier) < kMaxCapacities[earlier];
    }
    user.ExpectSound();
  }
  EXPECT_TRUE(shrunk);
  user.cache().End();
  fixture.ExpectEmpty();
}

// Fills the bin of each class in turn, and empties it: how many of these made a bin grow.
unsigned GrowthsInRounds(CacheUser& user, int rounds) {
  unsigned growths = 0;
  for (int round = 0; round < rounds; ++round) {
    for (unsigned c = 1; c <= kSmallClasses; ++c) {
      std::vector<void*> blocks;
      for (uint32_t i = 0; i < kMaxCapacities[c]; ++i) blocks.push_back(user.Take(c));
      for (void* block : blocks) {
        const uint32_t before = user.capacity(c);
        user.Give(c, block);
        growths += user.capacity(c) > before;
      }
    }
  }
  return growths;
}

TEST(ThreadCacheTest, AtTheThreadsBoundFewVisitsMakeABinGrow) {
  CacheFixture fixture;
  CacheUser user(fixture);
  GrowthsInRounds(user, 2);
  const uint64_t visits = user.block().flushes.LoadRelaxed();
  const unsigned growths = GrowthsInRounds(user, 10);
  EXPECT_GT(growths, 0U);
  EXPECT_LT(4 * growths, user.block().flushes.LoadRelaxed() - visits);
  user.cache().End();
  fixture.ExpectEmpty();
}

// Blocks of all sizes up to 300 KB, a megabyte of them, come and go.
void Serve(CacheUser& user, ScriptRandom& random) {
  std::vector<Live> live;
  for (size_t bytes = 0; bytes < (1 << 20);) {
    const size_t size = (size_t{300'000} >> random.Below(14)) + random.Below(64);
    const unsigned c = MallocClassFor(size);
    live.push_back({c, user.Take(c)});
    ASSERT_NE(live.back().block, nullptr);
    bytes += size;
  }
  for (const Live& at : live) user.Give(at.malloc_class, at.block);
}

TEST(ThreadCacheTest, ManyThreadsTogetherKeepNoMoreThanTheirBound) {
  constexpr unsigned kThreads = 100;
  CacheFixture fixture;
  ScriptRandom random(3);
  std::vector<CacheUser> users;
  for (unsigned i = 0; i < kThreads; ++i) users.emplace_back(fixture);
  for (int request = 0; request < 4; ++request) {
    for (CacheUser& user : users) Serve(user, random);
  }
  EXPECT_EQ(fixture.share().threads(), kThreads);
  uint64_t sum = 0;
  for (CacheUser& user : users) {
    user.ExpectSound();
    sum += user.block().kept_bytes;
  }
  EXPECT_LE(sum, CacheShare::kLeastForAll / 8 * 9);  // some may not have noticed yet
  EXPECT_GE(sum, CacheShare::kLeastForAll / 4) << "they are cached for all that";
  // What is in their hands leaves some slots of its spans to anyone.
  fixture.spans().GiveUpSpares();
  EXPECT_LE(fixture.pages().ReadStats().used, sum + sum / 2);
  for (CacheUser& user : users) user.cache().End();
  EXPECT_EQ(fixture.share().threads(), 0U);
  fixture.ExpectEmpty();
}

TEST(ThreadCacheTest, AThreadYieldsInItsNextSlowPathWhenOthersHaveCome) {
  CacheFixture fixture;
  ScriptRandom random(4);
  CacheUser first(fixture);
  for (int request = 0; request < 200; ++request) Serve(first, random);
  const size_t before = first.block().kept_bytes;
  ASSERT_GT(before, 4U << 20);
  std::vector<CacheUser> users;
  for (unsigned i = 0; i < 63; ++i) {
    users.emplace_back(fixture);
    users.back().Give(1, users.back().Take(1));
  }
  EXPECT_EQ(fixture.share().bytes(), CacheShare::kMostForOne) << "they keep next to nothing";
  fixture.share().Note(CacheShare::kLeastForAll);
  EXPECT_EQ(fixture.share().bytes(), CacheShare::kLeastForAll / 64);
  EXPECT_EQ(first.block().kept_bytes, before);
  first.Give(kFirstRunClass - 1, first.Take(kFirstRunClass - 1));
  std::vector<void*> blocks;  // until a slow path is met
  const uint64_t refills = first.block().refills.LoadRelaxed();
  while (first.block().refills.LoadRelaxed() == refills) blocks.push_back(first.Take(8));
  EXPECT_LE(first.block().kept_bytes, fixture.share().bytes());
  first.ExpectSound();
  for (void* block : blocks) first.Give(8, block);
  // A large run would be all that it may keep, so it keeps none.
  const unsigned large = MallocClassFor(8 << 20);
  void* run = first.Take(large);
  EXPECT_FALSE(first.cache().TryHoldRun(large, run, "test"));
  first.Give(large, run);
  fixture.share().Note(uint64_t{0} - CacheShare::kLeastForAll);
  for (CacheUser& user : users) user.cache().End();
  first.cache().End();
  EXPECT_EQ(fixture.share().kept(), 0U);
  fixture.ExpectEmpty();
}

// A thread that uses one class alone, whose bin has grown.
TEST(ThreadCacheTest, SoDoesTheClassInUseIfTheOthersHaveNoMore) {
  CacheFixture fixture;
  CacheUser user(fixture);
  constexpr unsigned kClass = kFirstRunClass - 1;  // 32 KiB
  const auto churn = [&user] {
    std::vector<void*> blocks;
    for (int i = 0; i < 100; ++i) blocks.push_back(user.Take(kClass));
    for (void* block : blocks) user.Give(kClass, block);
  };
  for (int round = 0; round < 10; ++round) churn();
  ASSERT_GT(user.block().kept_bytes, CacheShare::kLeastForOne);
  fixture.share().Note(CacheShare::kLeastForAll);
  for (int i = 0; i < 1000; ++i) fixture.share().Join();
  ASSERT_EQ(fixture.share().bytes(), CacheShare::kLeastForOne);
  churn();
  EXPECT_LE(user.block().kept_bytes, CacheShare::kLeastForOne);
  user.ExpectSound();
  user.cache().End();
  fixture.ExpectEmpty();
}

TEST(ThreadCacheTest, RefilledBlocksOfAFreshSpanAscend) {
  CacheFixture fixture;
  CacheUser user(fixture);
  std::vector<void*> blocks;
  for (int i = 0; i < 100; ++i) blocks.push_back(user.Take(4));
  EXPECT_TRUE(std::is_sorted(blocks.begin(), blocks.end()));
  for (void* block : blocks) user.Give(4, block);
  user.cache().End();
  fixture.ExpectEmpty();
}

TEST(ThreadCacheTest, AFullBinOverflowsToTheShelfAndAnEmptyOneIsFilledFromThere) {
  CacheFixture fixture;
  CacheUser giver(fixture);
  CacheUser taker(fixture);
  std::vector<void*> blocks;
  for (int i = 0; i < 6000; ++i) blocks.push_back(giver.Take(4));
  for (void* block : blocks) giver.Give(4, block);
  const uint64_t shelved = fixture.spans().shelved(4);
  EXPECT_GT(shelved, 6000U - kMaxCapacities[4] - 1);
  const uint64_t used = fixture.VerifiedUse();
  std::set<void*> taken;
  for (uint64_t i = 0; i < shelved; ++i) taken.insert(taker.Take(4));
  EXPECT_EQ(taken.size(), shelved);
  EXPECT_EQ(fixture.VerifiedUse(), used);  // no bitmap was touched
  EXPECT_EQ(fixture.spans().shelved(4), 0U);
  for (void* block : taken) taker.Give(4, block);
  giver.cache().End();
  taker.cache().End();
  fixture.ExpectEmpty();
}

TEST(ThreadCacheTest, TheFirstBlockOfAnotherThreadGoesBackWhereItSharesLines) {
  CacheFixture fixture;
  CacheUser one(fixture);
  CacheUser other(fixture);
  for (const size_t size : {16U, 48U, 64U}) {
    const unsigned c = MallocClassFor(size);
    void* const neighbour = one.Take(c);
    void* const block = one.Take(c);
    const bool shares_lines = size % kCacheLine != 0;
    other.Give(c, block);
    EXPECT_EQ(other.block().depth(c), shares_lines ? 0U : 1U) << size;
    void* const mine = other.Take(c);
    EXPECT_EQ(mine == block, !shares_lines) << size;
    const uint32_t depth = other.block().depth(c);
    void* const second = one.Take(c);
    other.Give(c, second);
    EXPECT_EQ(other.block().depth(c), depth + 1) << "later ones are kept: " << size;
    other.Give(c, mine);
    one.Give(c, neighbour);
  }
  one.ExpectSound();
  other.ExpectSound();
}

// The first one goes past the bin, which has to stay closed for the second to be seen.
TEST(ThreadCacheTest, ABlockThatComesTwiceToAClosedBinIsNoticed) {
  for (const size_t size : {16U, 48U, 64U, 1024U, 1152U}) {
    EXPECT_DEATH(
        {
          CacheFixture fixture;
          CacheUser one(fixture);
          CacheUser other(fixture);
          const unsigned c = MallocClassFor(size);
          void* const block = one.Take(c);
          other.Give(c, block);
          if (*other.block().bins.tops[c].LoadRelaxed() == block) FatalDoubleFree("test", {}, {});
          other.Give(c, block);
        },
        "double free")
        << size;
  }
}

TEST(ThreadCacheTest, HeldRunsComeBackLastInFirstOutWithinTheirBudget) {
  CacheFixture fixture;
  CacheUser user(fixture);
  for (unsigned c = kFirstUntabled; c < kMallocClassCount; ++c) {
    EXPECT_EQ(user.cache().PopHeldRun(c), nullptr);
    std::vector<void*> runs;
    for (int i = 0; i < 5; ++i) runs.push_back(user.Take(c));
    size_t held = 0;
    while (user.cache().TryHoldRun(c, runs[held], "test")) ++held;
    EXPECT_EQ(held, std::min<size_t>(kMaxCapacities[c], CacheShare::kMostForOne / BlockBytes(c)));
    EXPECT_EQ(user.block().kept_bytes, held * BlockBytes(c));
    user.ExpectSound();
    for (size_t i = held; i-- > 0;) EXPECT_EQ(user.cache().PopHeldRun(c), runs[i]);
    for (void* run : runs) user.Give(c, run);  // those beyond the budget go to the pages
    user.ExpectSound();
    user.cache().Flush();
    EXPECT_EQ(user.Out(c), 0);
  }
  user.cache().End();
  fixture.ExpectEmpty();
}

uint64_t AllCalls(const os::FakeMemory& memory) {
  const os::FakeMemory::Calls& c = memory.calls();
  return c.refusable() + c.release + c.release_lazily + c.make_inaccessible + c.advise_huge +
         c.advise_ordinary + c.collapse + c.unreserve;
}

TEST(ThreadCacheTest, LargeBlocksThatComeAndGoMakeNoSystemCall) {
  CacheFixture fixture;
  CacheUser user(fixture);
  for (const size_t mib : {1, 8, 32}) {
    const unsigned c = MallocClassFor(mib << 20);
    ASSERT_EQ(BlockBytes(c), mib << 20);
    for (const unsigned at_once : {1, 2}) {
      uint64_t calls = 0;
      for (int round = 0; round < 100; ++round) {
        if (round == 1) calls = AllCalls(fixture.memory());
        void* blocks[2];
        for (unsigned i = 0; i < at_once; ++i) ASSERT_NE(blocks[i] = user.Take(c), nullptr);
        for (unsigned i = 0; i < at_once; ++i) user.Give(c, blocks[i]);
      }
      EXPECT_EQ(AllCalls(fixture.memory()), calls) << mib << " MiB, " << at_once << " at once";
    }
  }
  user.cache().End();
  fixture.ExpectEmpty();
}

TEST(ThreadCacheTest, SingleBlocksAndResizedRunsAreCountedAndLeaveTheBinsAlone) {
  CacheFixture fixture;
  CacheUser user(fixture);
  for (const unsigned c : {1U, 40U, kSmallClasses, kFirstRunClass, kFirstUntabled}) {
    void* const block = user.cache().TakeOne(c);
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(user.Out(c), 1);
    EXPECT_EQ(user.block().depth(c), 0U);
    user.cache().ReturnOne(c, block, "test");
    EXPECT_EQ(user.Out(c), 0);
  }
  void* const run = user.Take(kFirstUntabled + 4);
  ASSERT_TRUE(fixture.spans().ResizeRun(run, kFirstUntabled + 4, kFirstUntabled));
  user.cache().NoteResized(kFirstUntabled + 4, kFirstUntabled);
  EXPECT_EQ(user.Out(kFirstUntabled + 4), 0);
  EXPECT_EQ(user.Out(kFirstUntabled), 1);
  user.Give(kFirstUntabled, run);
  user.cache().End();
  fixture.ExpectEmpty();
}

TEST(ThreadCacheTest, AlignedRunsStartWhereAsked) {
  CacheFixture fixture;
  CacheUser user(fixture);
  std::vector<void*> runs;  // kept to the end: each is new
  for (uint32_t alignment = 1; alignment <= 4096; alignment *= 4) {
    bool zeroed = false;
    void* const run = user.cache().AllocateRun(kFirstRunClass, Pages(alignment), zeroed);
    ASSERT_NE(run, nullptr);
    EXPECT_EQ(AddressOf(run).value % BytesOf(Pages(alignment)).value, 0U);
    EXPECT_TRUE(zeroed);
    runs.push_back(run);
  }
  for (void* run : runs) user.Give(kFirstRunClass, run);
  user.cache().End();
  fixture.ExpectEmpty();
}

TEST(ThreadCacheTest, ARefusalIsNullAndChangesNoBin) {
  CacheFixture fixture;
  CacheUser user(fixture);
  fixture.memory().RefuseFrom(1);
  for (unsigned c = 1; c < kMallocClassCount; ++c) {
    EXPECT_EQ(user.Take(c), nullptr) << "class " << c;
    EXPECT_EQ(user.cache().TakeOne(c), nullptr) << "class " << c;
    EXPECT_EQ(user.Out(c), 0);
    EXPECT_EQ(user.block().depth(c), 0U);
  }
  user.ExpectSound();
  fixture.memory().RefuseFrom(0);
  void* const block = user.Take(7);
  ASSERT_NE(block, nullptr);
  user.Give(7, block);
  user.cache().End();
  fixture.ExpectEmpty();
}

TEST(ThreadCacheTest, ABlockThatWasEndedCanBeginAgain) {
  CacheFixture fixture;
  CacheUser user(fixture);
  for (int round = 0; round < 3; ++round) {
    std::vector<void*> blocks;
    for (int i = 0; i < 1000; ++i) blocks.push_back(user.Take(1 + i % 90));
    for (int i = 0; i < 1000; ++i) user.Give(1 + i % 90, blocks[i]);
    user.cache().End();
    fixture.ExpectEmpty();
    user.cache().Begin();
    for (unsigned c = 1; c < kMallocClassCount; ++c) EXPECT_EQ(user.capacity(c), FirstCapacity(c));
    user.ExpectSound();
  }
}

TEST(ThreadCacheDeathTest, ABlockFreedTwiceIsNoticedWhenItsBinIsFlushed) {
  CacheFixture fixture;
  CacheUser user(fixture);
  void* const a = user.Take(5);
  void* const b = user.Take(5);
  EXPECT_DEATH(
      {
        user.Give(5, a);
        user.Give(5, b);
        user.Give(5, a);
        user.cache().Flush();
      },
      "double free");
  user.Give(5, a);
  user.Give(5, b);
  void* const run = user.Take(kFirstUntabled);
  EXPECT_DEATH(
      {
        user.Give(kFirstUntabled, run);
        user.Give(kFirstUntabled, run);
      },
      "test.*double free");
  user.Give(kFirstUntabled, run);
  user.cache().End();
  fixture.ExpectEmpty();
}

}  // namespace
}  // namespace spanheap
