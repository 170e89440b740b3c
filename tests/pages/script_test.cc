// SPDX-License-Identifier: MIT
//
// Whole operation scripts: the bitmap allocator against the plain model, the Go 1.8 heap against
// what any heap must obey, and the script language itself.
#include <gtest/gtest.h>

#include <cstdio>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "models/page_model.h"
#include "pages/driver/random_script.h"
#include "pages/driver/script_runner.h"

namespace spanheap {
namespace {

using script::RunLine;

TEST(ScriptTest, BitmapAllocatorAnswersAsThePlainModel) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    const auto writer = script::MakeBitmapMachine();
    const auto machine = script::MakeBitmapMachine();
    model::PageModel model;
    uint64_t number = 0;
    script::WriteRandomScript(*writer, seed, 1500, [&](const std::string& line) {
      ++number;
      ASSERT_EQ(RunLine(*machine, line), RunLine(model, line))
          << "seed " << seed << " line " << number << ": " << line;
    });
    machine->Verify();
    EXPECT_EQ(RunLine(*machine, "dump"), RunLine(model, "dump"));
  }
}

// Runs as random scripts have them, and aligned ones among them, on a heap that is mostly used.
class AlignedScript {
 public:
  explicit AlignedScript(uint64_t seed) : random_(seed) {}

  std::string Next() {
    const uint64_t what = random_() % 12;
    if (chunks_ < 20 && (chunks_ == 0 || what == 0)) {
      next_chunk_ += 1 + (random_() % 4 == 0 ? random_() % 30 : 0);
      ++chunks_;
      return "chunk " + std::to_string(next_chunk_);
    }
    if (what < 3 || live_.empty()) return "alloc " + std::to_string(count_ = Size());
    if (what < 7) {
      count_ = Size();
      return "alloc_aligned " + std::to_string(count_) + ' ' +
             std::to_string(uint64_t{1} << random_() % 14);
    }
    const size_t at = random_() % live_.size();
    const auto [page, count] = live_[at];
    live_[at] = live_.back();
    live_.pop_back();
    return "free " + std::to_string(page) + ' ' + std::to_string(count);
  }
  void Note(const std::string& answer) {
    unsigned long page = 0;
    if (std::sscanf(answer.c_str(), "page %lu", &page) == 1) live_.push_back({page, count_});
  }

 private:
  uint64_t Size() { return 1 + random_() % (uint64_t{1} << random_() % 12); }

  std::mt19937_64 random_;
  uint64_t chunks_ = 0;
  uint64_t next_chunk_ = 0;
  uint64_t count_ = 0;
  std::vector<std::pair<uint64_t, uint64_t>> live_;
};

TEST(ScriptTest, BitmapAllocatorFindsTheLowestAlignedRunAsThePlainModelDoes) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    const auto machine = script::MakeBitmapMachine();
    model::PageModel model;
    AlignedScript script(seed);
    for (int i = 0; i < 1500; ++i) {
      const std::string line = script.Next();
      const std::string answer = RunLine(*machine, line);
      ASSERT_EQ(answer, RunLine(model, line)) << "seed " << seed << " line " << i << ": " << line;
      script.Note(answer);
    }
    machine->Verify();
  }
}

// Says which pages are out, from what a machine answers, and that none is handed out twice.
class Ledger final {
 public:
  void Grow(uint64_t chunk, const std::set<uint64_t>& used) {
    for (uint64_t p = chunk * 512; p < chunk * 512 + 512; ++p) {
      if (used.count(p) == 0) free_.insert(p);
    }
  }
  void Take(uint64_t page, uint64_t count) {
    for (uint64_t p = page; p < page + count; ++p) ASSERT_EQ(free_.erase(p), 1U) << "page " << p;
  }
  void Give(uint64_t page, uint64_t count) {
    for (uint64_t p = page; p < page + count; ++p) ASSERT_TRUE(free_.insert(p).second);
  }
  // One that begins at a multiple of `alignment`.
  bool HasRun(uint64_t n, uint64_t alignment) const {
    uint64_t run = 0;  // pages up to p, from an aligned one on
    uint64_t next = 0;
    for (const uint64_t p : free_) {
      const bool goes_on = p == next && run != 0;
      run = goes_on ? run + 1 : p % alignment == 0 ? 1 : 0;
      next = p + 1;
      if (run >= n) return true;
    }
    return false;
  }
  size_t free_pages() const { return free_.size(); }

 private:
  std::set<uint64_t> free_;
};

template <class Make>
void CheckLegality(Make make, uint64_t seed) {
  const auto machine = make();
  std::mt19937_64 random(seed);
  Ledger ledger;
  std::vector<std::pair<uint64_t, uint64_t>> live;
  uint64_t grown = 0;
  for (int i = 0; i < 3000; ++i) {
    const uint64_t what = random() % 10;
    if (grown < 12 && (grown == 0 || what == 0)) {
      const uint64_t chunk = grown * (1 + random() % 2) * 3 + random() % 3;
      try {
        machine->Chunk(chunk, {}, {});
      } catch (const script::ScriptError&) {
        continue;  // grown before
      }
      ledger.Grow(chunk, {});
      ++grown;
    } else if (what < 5) {
      const uint64_t n = 1 + random() % (uint64_t{1} << (random() % 11));
      const uint64_t alignment = random() % 2 == 0 ? 1 : uint64_t{1} << random() % 12;
      const auto taken =
          alignment == 1 ? machine->Allocate(n) : machine->AllocateAligned(n, alignment);
      ASSERT_EQ(taken.has_value(), ledger.HasRun(n, alignment)) << n << " pages at " << alignment;
      if (!taken) continue;
      ASSERT_EQ(taken->page % alignment, 0U);
      ledger.Take(taken->page, n);
      ASSERT_LE(taken->scavenged, n);
      live.push_back({taken->page, n});
    } else if (what < 6) {
      machine->Scavenge(random() % 1000);
    } else if (!live.empty()) {
      const size_t at = random() % live.size();
      machine->Free(live[at].first, live[at].second);
      ledger.Give(live[at].first, live[at].second);
      live[at] = live.back();
      live.pop_back();
    }
    if (i % 100 == 0) {
      machine->Verify();
      uint64_t used = 0;
      for (const script::ChunkBits& bits : machine->Dump()) used += bits.used.Count();
      ASSERT_EQ(used, grown * 512 - ledger.free_pages());
    }
  }
}

TEST(StrategiesTest, BothHandOutFreePagesOnlyAndFindARunIfThereIsOne) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    CheckLegality(script::MakeBitmapMachine, seed);
    CheckLegality(script::MakeFreeListMachine, seed);
  }
}

TEST(ScriptTest, TwinRunsItsOwnRandomScriptsWithoutContradiction) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    const auto writer = script::MakeFreeListMachine();
    const auto machine = script::MakeFreeListMachine();
    script::WriteRandomScript(*writer, seed, 1500, [&](const std::string& line) {
      ASSERT_NO_THROW(RunLine(*machine, line)) << line;
    });
    machine->Verify();
    EXPECT_EQ(RunLine(*machine, "dump"), RunLine(*writer, "dump"));
  }
}

class ScriptLineTest : public testing::Test {
 protected:
  std::string Run(const std::string& line) { return RunLine(*machine_, line); }
  std::string Error(const std::string& line) {
    try {
      return "no error, but " + RunLine(*machine_, line);
    } catch (const script::ScriptError& error) {
      return error.what();
    }
  }
  std::unique_ptr<script::Machine> machine_ = script::MakeBitmapMachine();
};

TEST_F(ScriptLineTest, AnswersEachCommandInItsForm) {
  EXPECT_EQ(Run("chunk 0 alloc 0+10 8+4 scav 5+20"), "ok\n");
  EXPECT_EQ(Run("alloc 3"), "page 12 scav 3\n");
  EXPECT_EQ(Run("alloc 600"), "fail\n");
  EXPECT_EQ(Run("alloc_aligned 3 256"), "page 256 scav 0\n");
  EXPECT_EQ(Run("alloc_aligned 255 256"), "fail\n");
  EXPECT_EQ(Run("free 256 3"), "ok\n");
  EXPECT_EQ(Run("chunk 1"), "ok\n");
  EXPECT_EQ(Run("chunk 5"), "ok\n");
  EXPECT_EQ(Run("in_use"), "[0,2) [5,6)\n");
  EXPECT_EQ(Run("summary 4 0"), "0 497 497\n");
  EXPECT_EQ(Run("summary 3 0"), "0 1009 0\n");
  EXPECT_EQ(Run("summary 0 7"), "0 0 0\n");
  EXPECT_EQ(Run("take 3"), "cache 0 ffffffffffff8000 0000000001ff8000\n");
  EXPECT_EQ(Run("cache_alloc 3 11"), "page 15 scav 10\n");
  EXPECT_EQ(Run("cache_alloc 3 64"), "fail\n");
  EXPECT_EQ(Run("cache_alloc 9 1"), "fail\n");
  EXPECT_EQ(Run("flush 3"), "ok\n");
  EXPECT_EQ(Run("flush 3"), "ok\n");
  EXPECT_EQ(Run("free 0 1"), "ok\n");
  EXPECT_EQ(Run("scavenge 1"), "released 256\n");
  EXPECT_EQ(Run("scavenge all"), "released " + std::to_string(256 + 512 + 486 + 1) + "\n");
  EXPECT_EQ(Run("verify"), "ok\n");
  EXPECT_EQ(Run(""), "");
  EXPECT_EQ(Run("# a remark"), "");
}

TEST_F(ScriptLineTest, DumpPrintsWordZeroFirst) {
  EXPECT_EQ(Run("chunk 7 alloc 0+1 64+64 scav 511+1"), "ok\n");
  const std::string zero = " 0000000000000000";
  EXPECT_EQ(Run("dump"), "chunk 7 0000000000000001 ffffffffffffffff" + zero + zero + zero + zero +
                             zero + zero + " /" + zero + zero + zero + zero + zero + zero + zero +
                             " 8000000000000000\n");
}

TEST_F(ScriptLineTest, SaysWhatWasExpectedOfBadInput) {
  Run("chunk 0 alloc 0+4");
  EXPECT_NE(Error("frobnicate").find("a command"), std::string::npos);
  EXPECT_NE(Error("alloc").find("alloc <n>"), std::string::npos);
  EXPECT_NE(Error("alloc 1 2").find("alloc <n>"), std::string::npos);
  EXPECT_NE(Error("alloc 0").find("at least 1"), std::string::npos);
  EXPECT_NE(Error("alloc_aligned 1 3").find("a power of two"), std::string::npos);
  EXPECT_NE(Error("alloc_aligned 1 4194304").find("at most"), std::string::npos);
  EXPECT_NE(Error("alloc -1").find("decimal number"), std::string::npos);
  EXPECT_NE(Error("alloc 0x10").find("decimal number"), std::string::npos);
  EXPECT_NE(Error("alloc 99999999999999999999").find("decimal number"), std::string::npos);
  EXPECT_NE(Error("chunk 0").find("not grown before"), std::string::npos);
  EXPECT_NE(Error("chunk 3000000").find("at most"), std::string::npos);
  EXPECT_NE(Error("chunk 1 alloc 512+1").find("below 512"), std::string::npos);
  EXPECT_NE(Error("chunk 1 alloc 500+13").find("below 512"), std::string::npos);
  EXPECT_NE(Error("chunk 1 alloc").find("<start>+<n>"), std::string::npos);
  EXPECT_NE(Error("chunk 1 0+4").find("'alloc' or 'scav'"), std::string::npos);
  EXPECT_NE(Error("free 0 0").find("at least 1"), std::string::npos);
  EXPECT_NE(Error("free 3 2").find("in use"), std::string::npos);
  EXPECT_NE(Error("free 511 2").find("in use"), std::string::npos);
  EXPECT_NE(Error("free 18446744073709551615 2").find("grown"), std::string::npos);
  EXPECT_NE(Error("summary 5 0").find("at most 4"), std::string::npos);
  EXPECT_NE(Error("summary 4 99999999").find("index"), std::string::npos);
  EXPECT_NE(Error("summary 0 512").find("index"), std::string::npos);
  EXPECT_EQ(Run("summary 0 511"), "0 0 0\n");
  EXPECT_LT(Error(std::string(100000, 'x')).size(), 300U);
  EXPECT_NE(Error("scavenge some").find("'all'"), std::string::npos);
  Run("take 1");
  EXPECT_NE(Error("take 1").find("empty cache"), std::string::npos);
  EXPECT_NE(Error("free 4 1").find("not free in a cache"), std::string::npos);
}

// Go's cache hands out its block of 64 when it is asked for 128; there nobody asks for 16 or more.
TEST_F(ScriptLineTest, ACacheHasNoRunLongerThanItsBlock) {
  Run("chunk 0");
  Run("take 0");
  EXPECT_EQ(Run("cache_alloc 0 65"), "fail\n");
  EXPECT_EQ(Run("cache_alloc 0 128"), "fail\n");
  EXPECT_EQ(Run("cache_alloc 0 18446744073709551615"), "fail\n");
  EXPECT_EQ(Run("cache_alloc 0 64"), "page 0 scav 0\n");
}

TEST_F(ScriptLineTest, PagesFreeInOneOfManyCachesAreNotInUse) {
  Run("chunk 0");
  for (int id = 0; id < 8; ++id) Run("take " + std::to_string(id));
  EXPECT_EQ(Run("cache_alloc 3 10"), "page 192 scav 0\n");
  EXPECT_NE(Error("free 191 2").find("not free in a cache"), std::string::npos);
  EXPECT_NE(Error("free 201 2").find("not free in a cache"), std::string::npos);
  EXPECT_NE(Error("free 0 512").find("not free in a cache"), std::string::npos);
  EXPECT_EQ(Run("free 192 10"), "ok\n");
}

TEST_F(ScriptLineTest, RunsOfMoreThanARootEntryAreFound) {
  for (int chunk = 0; chunk < 4096 + 10; ++chunk) Run("chunk " + std::to_string(chunk));
  EXPECT_EQ(Run("summary 0 0"), "2097152 2097152 2097152\n");
  EXPECT_EQ(Run("alloc 2102272"), "page 0 scav 0\n");
  EXPECT_EQ(Run("alloc 1"), "fail\n");
}

}  // namespace
}  // namespace spanheap
