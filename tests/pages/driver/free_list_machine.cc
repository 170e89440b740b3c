// SPDX-License-Identifier: MIT
#include <algorithm>

#include "pages/driver/mapped_array.h"
#include "pages/driver/strategy_machine.h"
#include "pages/free_list_heap.h"
#include "pages/summary_tree.h"

namespace spanheap::script {
namespace {

constexpr size_t kMaxRanges = size_t{1} << 20;
constexpr uint32_t kMaxRecords = 1U << 24;

// The Go 1.8 heap knows neither page caches nor summaries; both are derived here from its free
// runs, so that every script can be run.
class FreeListMachine final : public StrategyMachine<FreeListHeap> {
 public:
  FreeListMachine()
      : record_of_(uint64_t{kChunkCapacity} << kChunkPagesShift),
        records_(kMaxRecords),
        ranges_(kMaxRanges) {
    pages_.Init({record_of_.get(), records_.get(), kMaxRecords, ranges_.get(), kMaxRanges});
  }

  RunSummary Summary(unsigned level, uint64_t index) override {
    const unsigned log2 = kChunkPagesShift + SummaryShape::kFanOutLog2 * (kLevels - 1 - level);
    const uint64_t begin = kPageOffset + (index << log2);
    const uint64_t size = uint64_t{1} << log2;
    uint64_t start = 0;
    uint64_t max = 0;
    uint64_t end = 0;
    pages_.ForEachRun([&](const FreeListHeap::Run& run) {
      const uint64_t from = std::max<uint64_t>(run.first.value, begin);
      const uint64_t to = std::min<uint64_t>(run.first.value + run.count.value, begin + size);
      if (from >= to) return;
      if (from == begin) start = to - from;
      if (to == begin + size) end = to - from;
      max = std::max(max, to - from);
    });
    return RunSummary(static_cast<uint32_t>(start), static_cast<uint32_t>(max),
                      static_cast<uint32_t>(end));
  }

  // Which pages of a partly released run are released is not known: only whole ones show.
  std::vector<ChunkBits> Dump() override {
    std::map<uint64_t, ChunkBits> all;
    for (const ChunkRange& r : pages_.grown()) {
      for (ChunkIndex c = r.begin; c < r.end; ++c) {
        ChunkBits& bits = all[c.value];
        bits.chunk = c.value - kChunkOffset;
        bits.used.SetRange(0, PageBitmap::kBits);
      }
    }
    pages_.ForEachRun([&](const FreeListHeap::Run& run) {
      for (PageIndex p = run.first; p < run.first + run.count; ++p) {
        ChunkBits& bits = all[ChunkOf(p).value];
        bits.used.ClearRange(PageInChunk(p), 1);
        if (run.released == run.count) bits.scavenged.SetRange(PageInChunk(p), 1);
      }
    });
    std::vector<ChunkBits> list;
    for (const auto& [chunk, bits] : all) list.push_back(bits);
    return list;
  }

 private:
  PageBlock TakeBlock() override {
    const PageIndex lowest = pages_.LowestFree();
    if (lowest == FreeListHeap::kNone) return {};
    PageBlock block;
    block.base = PageIndex(static_cast<uint32_t>(RoundDown(lowest.value, 64)));
    for (unsigned i = 0; i < 64; ++i) {
      const PageRun run = pages_.AllocateAt(block.base + Pages(i), Pages(1));
      if (!run) continue;
      block.free |= uint64_t{1} << i;
      if (run.scavenged.value != 0) block.scavenged |= uint64_t{1} << i;
    }
    return block;
  }

  void ReturnBlock(const PageBlock& block) override {
    for (unsigned i = 0; i < 64; ++i) {
      if ((block.free >> i & 1) != 0) pages_.Free(block.base + Pages(i), Pages(1));
    }
  }

  MappedArray<uint32_t> record_of_;
  MappedArray<FreeListHeap::Run> records_;
  MappedArray<ChunkRange> ranges_;
};

}  // namespace

std::unique_ptr<Machine> MakeFreeListMachine() { return std::make_unique<FreeListMachine>(); }

}  // namespace spanheap::script
