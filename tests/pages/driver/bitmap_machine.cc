// SPDX-License-Identifier: MIT
#include "pages/driver/mapped_array.h"
#include "pages/driver/strategy_machine.h"
#include "pages/page_allocator.h"

namespace spanheap::script {
namespace {

constexpr size_t kMaxRanges = size_t{1} << 20;

class BitmapMachine final : public StrategyMachine<PageAllocator> {
 public:
  BitmapMachine()
      : shape_(Count(kChunkCapacity), kLevels),
        chunks_(kChunkCapacity),
        upper_(shape_.UpperEntries()),
        leaves_(shape_.LeafEntries()),
        records_(kChunkCapacity),
        ranges_(kMaxRanges) {
    PageAllocatorTables tables;
    tables.shape = shape_;
    tables.chunks = chunks_.get();
    tables.upper = upper_.get();
    tables.leaves = leaves_.get();
    tables.records = records_.get();
    tables.ranges = ranges_.get();
    tables.range_capacity = kMaxRanges;
    pages_.Init(tables, ReleaseUnitsFor(4_KiB, 2_MiB));
  }

  RunSummary Summary(unsigned level, uint64_t index) override {
    const unsigned shift = SummaryShape::kFanOutLog2 * (kLevels - 1 - level);
    const uint64_t entry = index + (kChunkOffset >> shift);
    return pages_.Summary(level, static_cast<uint32_t>(entry));
  }

  std::vector<ChunkBits> Dump() override {
    std::vector<ChunkBits> all;
    for (const ChunkRange& r : pages_.grown()) {
      for (ChunkIndex c = r.begin; c < r.end; ++c) {
        const PageChunk& chunk = pages_.Chunk(c);
        all.push_back({c.value - kChunkOffset, chunk.used, chunk.scavenged});
      }
    }
    return all;
  }

 private:
  PageBlock TakeBlock() override { return pages_.TakeBlock(); }
  void ReturnBlock(const PageBlock& block) override { pages_.ReturnBlock(block); }

  SummaryShape shape_;
  MappedArray<PageChunk> chunks_;
  MappedArray<RunSummary> upper_;
  MappedArray<RunSummary> leaves_;
  MappedArray<ScavengeIndex::Record> records_;
  MappedArray<ChunkRange> ranges_;
};

}  // namespace

std::unique_ptr<Machine> MakeBitmapMachine() { return std::make_unique<BitmapMachine>(); }

}  // namespace spanheap::script
