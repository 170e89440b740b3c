// SPDX-License-Identifier: MIT
//
// StrategyMachine: the part of a Machine that is the same for every page strategy.
#pragma once

#include <algorithm>
#include <map>

#include "base/bits.h"
#include "layout/geometry.h"
#include "pages/driver/machine.h"
#include "pages/page_cache.h"
#include "pages/page_strategy.h"

namespace spanheap::script {

// Page numbers and chunks inside are the script's plus these: number 0 is no page, and chunk 0 of
// the script begins an entry of every summary level.
inline constexpr uint32_t kChunkOffset = 1U << 12;
inline constexpr uint64_t kPageOffset = uint64_t{kChunkOffset} << kChunkPagesShift;
inline constexpr uint32_t kChunkCapacity = kChunkOffset + kMaxChunk + 1;
inline constexpr uint64_t kMostPages = (kMaxChunk + 1) << kChunkPagesShift;

template <PageStrategy Strategy>
class StrategyMachine : public Machine {
 public:
  void Chunk(uint64_t chunk, const PageBitmap& used, const PageBitmap& scavenged) override {
    const ChunkIndex c(static_cast<uint32_t>(chunk) + kChunkOffset);
    if (pages_.grown().Contains(c)) throw ScriptError("a chunk that was not grown before");
    if (!pages_.GrowWith(c, used, scavenged)) throw ScriptError("fewer separate chunk ranges");
  }

  std::optional<Taken> Allocate(uint64_t pages) override {
    if (pages > kMostPages) return std::nullopt;
    return Answer(pages_.Allocate(Pages(static_cast<uint32_t>(pages))));
  }

  std::optional<Taken> AllocateAligned(uint64_t pages, uint64_t alignment) override {
    static_assert(kPageOffset % kMaxAlignment == 0);
    if (pages > kMostPages) return std::nullopt;
    return Answer(pages_.AllocateAligned(Pages(static_cast<uint32_t>(pages)), {alignment, 0}));
  }

  void Free(uint64_t page, uint64_t count) override {
    if (count > kMostPages || page > kMostPages - count) {
      throw ScriptError("pages of grown chunks");
    }
    const PageIndex first(static_cast<uint32_t>(page + kPageOffset));
    const Pages n(static_cast<uint32_t>(count));
    if (!pages_.AllUsed(first, n)) throw ScriptError("pages that are all in use");
    if (IsCached(first, n)) throw ScriptError("pages that are not free in a cache");
    pages_.Free(first, n);
  }

  std::optional<Block> Take(uint64_t cache) override {
    PageCache& c = caches_[cache];
    if (!c.is_empty()) throw ScriptError("an empty cache (flush it first)");
    c.Fill(TakeBlock());
    if (c.is_empty()) return std::nullopt;
    return Block{c.base().value - kPageOffset, c.free_bits(), c.scavenged_bits()};
  }

  std::optional<Taken> CacheAllocate(uint64_t cache, uint64_t pages) override {
    const auto found = caches_.find(cache);
    if (found == caches_.end() || pages > kPagesPerWord.value) return std::nullopt;
    return Answer(found->second.Allocate(Pages(static_cast<uint32_t>(pages))));
  }

  void Flush(uint64_t cache) override {
    const auto found = caches_.find(cache);
    if (found != caches_.end()) ReturnBlock(found->second.Drain());
  }

  uint64_t Scavenge(uint64_t at_most) override { return pages_.Scavenge(at_most); }

  std::vector<Range> InUse() override {
    std::vector<Range> ranges;
    for (const ChunkRange& r : pages_.grown()) {
      ranges.push_back({r.begin.value - kChunkOffset, r.end.value - kChunkOffset});
    }
    return ranges;
  }

  void Verify() override {
    pages_.Verify();
    for (const auto& [id, cache] : caches_) {
      for (unsigned i = 0; i < kPagesPerWord.value; ++i) {
        if ((cache.free_bits() >> i & 1) == 0) continue;
        if (!pages_.AllUsed(cache.base() + Pages(i), Pages(1))) {
          throw ScriptError("cached pages that are used in the bitmap");
        }
      }
    }
  }

 protected:
  virtual PageBlock TakeBlock() = 0;
  virtual void ReturnBlock(const PageBlock& block) = 0;

  Strategy pages_;
  std::map<uint64_t, PageCache> caches_;

 private:
  static std::optional<Taken> Answer(const PageRun& run) {
    if (!run) return std::nullopt;
    return Taken{run.first.value - kPageOffset, run.scavenged.value};
  }

  bool IsCached(PageIndex first, Pages n) const {
    for (const auto& [id, cache] : caches_) {
      const PageIndex from = std::max(first, cache.base());
      const PageIndex end = std::min(first + n, cache.base() + kPagesPerWord);
      if (cache.is_empty() || from >= end) continue;
      const uint64_t asked = BitRange((from - cache.base()).value, (end - from).value);
      if ((cache.free_bits() & asked) != 0) return true;
    }
    return false;
  }
};

}  // namespace spanheap::script
