// SPDX-License-Identifier: MIT
//
// PageModel: the page allocator without a single trick: a state per page, each question answered by
// looking at pages one after the other. It shares no code with what it is compared with.
#pragma once

#include <algorithm>
#include <array>
#include <map>

#include "pages/driver/machine.h"

namespace spanheap::model {

class PageModel final : public script::Machine {
 public:
  void Chunk(uint64_t chunk, const PageBitmap& used, const PageBitmap& scavenged) override {
    if (chunks_.count(chunk) != 0) throw script::ScriptError("a chunk that was not grown before");
    auto& pages = chunks_[chunk];
    for (unsigned i = 0; i < 512; ++i) {
      pages[i] = used.Test(i) ? kUsed : scavenged.Test(i) ? kScavenged : kFree;
    }
  }

  std::optional<script::Taken> Allocate(uint64_t n) override {
    uint64_t run = 0;
    uint64_t expected = 0;
    for (auto& [chunk, pages] : chunks_) {
      for (unsigned i = 0; i < 512; ++i) {
        const uint64_t page = chunk * 512 + i;
        run = pages[i] == kUsed ? 0 : page == expected ? run + 1 : 1;
        expected = page + 1;
        if (run == n) return TakePages(page + 1 - n, n);
      }
    }
    return std::nullopt;
  }

  std::optional<script::Taken> AllocateAligned(uint64_t n, uint64_t alignment) override {
    if (chunks_.empty()) return std::nullopt;
    const uint64_t end = chunks_.rbegin()->first * 512 + 512;
    for (const auto& [chunk, pages] : chunks_) {
      for (uint64_t page = chunk * 512; page < chunk * 512 + 512; ++page) {
        if (page % alignment == 0 && page + n <= end && AreFree(page, n)) return TakePages(page, n);
      }
    }
    return std::nullopt;
  }

  void Free(uint64_t page, uint64_t count) override {
    for (uint64_t p = page; p < page + count; ++p) {
      const auto chunk = chunks_.find(p / 512);
      const bool is_used = chunk != chunks_.end() && chunk->second[p % 512] == kUsed;
      if (!is_used) throw script::ScriptError("pages that are all in use");
    }
    for (uint64_t p = page; p < page + count; ++p) At(p) = kFree;
  }

  std::optional<script::Block> Take(uint64_t cache) override {
    for (auto& [chunk, pages] : chunks_) {
      for (unsigned i = 0; i < 512; ++i) {
        if (pages[i] == kUsed) continue;
        script::Block block;
        block.base = chunk * 512 + i / 64 * 64;
        for (unsigned bit = 0; bit < 64; ++bit) {
          State& state = At(block.base + bit);
          if (state != kUsed) block.free |= uint64_t{1} << bit;
          if (state == kScavenged) block.scavenged |= uint64_t{1} << bit;
          state = kUsed;
        }
        caches_[cache] = block;
        return block;
      }
    }
    return std::nullopt;
  }

  std::optional<script::Taken> CacheAllocate(uint64_t cache, uint64_t n) override {
    script::Block& block = caches_[cache];
    for (unsigned from = 0; from + n <= 64; ++from) {
      unsigned free = 0;
      script::Taken taken{block.base + from, 0};
      for (unsigned i = from; i < from + n; ++i) {
        free += block.free >> i & 1;
        taken.scavenged += block.scavenged >> i & 1;
      }
      if (free != n) continue;
      for (unsigned i = from; i < from + n; ++i) {
        block.free &= ~(uint64_t{1} << i);
        block.scavenged &= ~(uint64_t{1} << i);
      }
      return taken;
    }
    return std::nullopt;
  }

  void Flush(uint64_t cache) override {
    const script::Block block = caches_[cache];
    for (unsigned i = 0; i < 64; ++i) {
      if ((block.free >> i & 1) == 0) continue;
      At(block.base + i) = (block.scavenged >> i & 1) != 0 ? kScavenged : kFree;
    }
    caches_.erase(cache);
  }

  uint64_t Scavenge(uint64_t at_most) override {
    uint64_t released = 0;
    while (released < at_most) {
      const uint64_t now = ScavengeOnce(at_most - released);
      if (now == 0) break;
      released += now;
    }
    return released;
  }

  RunSummary Summary(unsigned level, uint64_t index) override {
    const uint64_t size = uint64_t{512} << (3 * (4 - level));
    const uint64_t begin = index * size;
    uint64_t start = 0;
    uint64_t max = 0;
    uint64_t run = 0;
    uint64_t next = begin;  // the page after the last one looked at
    for (auto it = chunks_.lower_bound(begin / 512); it != chunks_.end(); ++it) {
      if (it->first * 512 >= begin + size) break;
      for (unsigned i = 0; i < 512; ++i) {
        const uint64_t page = it->first * 512 + i;
        if (page != next) run = 0;
        run = it->second[i] == kUsed ? 0 : run + 1;
        next = page + 1;
        if (run == next - begin) start = run;
        max = std::max(max, run);
      }
    }
    const uint64_t end = next == begin + size ? run : 0;
    return RunSummary(static_cast<uint32_t>(start), static_cast<uint32_t>(max),
                      static_cast<uint32_t>(end));
  }

  std::vector<script::ChunkBits> Dump() override {
    std::vector<script::ChunkBits> all;
    for (const auto& [chunk, pages] : chunks_) {
      script::ChunkBits bits;
      bits.chunk = chunk;
      for (unsigned i = 0; i < 512; ++i) {
        if (pages[i] == kUsed) bits.used.words[i / 64] |= uint64_t{1} << (i % 64);
        if (pages[i] == kScavenged) bits.scavenged.words[i / 64] |= uint64_t{1} << (i % 64);
      }
      all.push_back(bits);
    }
    return all;
  }

  std::vector<script::Range> InUse() override {
    std::vector<script::Range> ranges;
    for (const auto& [chunk, pages] : chunks_) {
      if (ranges.empty() || ranges.back().end != chunk) ranges.push_back({chunk, chunk});
      ranges.back().end = chunk + 1;
    }
    return ranges;
  }

  void Verify() override {}

 private:
  enum State : uint8_t { kUsed, kFree, kScavenged };
  using Pages = std::array<State, 512>;

  State& At(uint64_t page) { return chunks_.at(page / 512)[page % 512]; }

  bool AreFree(uint64_t first, uint64_t n) const {
    for (uint64_t p = first; p < first + n; ++p) {
      const auto chunk = chunks_.find(p / 512);
      if (chunk == chunks_.end() || chunk->second[p % 512] == kUsed) return false;
    }
    return true;
  }

  script::Taken TakePages(uint64_t first, uint64_t n) {
    script::Taken taken{first, 0};
    for (uint64_t p = first; p < first + n; ++p) {
      taken.scavenged += At(p) == kScavenged ? 1 : 0;
      At(p) = kUsed;
    }
    return taken;
  }

  // The highest run of free, backed pages, cut from above unless that would break a free huge page.
  uint64_t ScavengeOnce(uint64_t at_most) {
    for (auto chunk = chunks_.rbegin(); chunk != chunks_.rend(); ++chunk) {
      Pages& pages = chunk->second;
      int last = 511;
      while (last >= 0 && pages[static_cast<unsigned>(last)] != kFree) --last;
      if (last < 0) continue;
      int low = last;
      while (low > 0 && pages[static_cast<unsigned>(low - 1)] == kFree) --low;
      const int end = last + 1;
      int first =
          static_cast<uint64_t>(end - low) <= at_most ? low : end - static_cast<int>(at_most);
      const int huge_page = first / 256 * 256;
      const int next_huge_page = (first + 255) / 256 * 256;
      if (next_huge_page <= end && huge_page >= low) first = huge_page;
      for (int i = first; i < end; ++i) pages[static_cast<unsigned>(i)] = kScavenged;
      return static_cast<uint64_t>(end - first);
    }
    return 0;
  }

  std::map<uint64_t, Pages> chunks_;
  std::map<uint64_t, script::Block> caches_;
};

}  // namespace spanheap::model
