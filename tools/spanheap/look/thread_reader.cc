// SPDX-License-Identifier: MIT
//
// The part of HeapReader that reads threads' blocks and the stacks of their bins.
#include <algorithm>

#include "spanheap/look/damage.h"
#include "spanheap/look/heap_reader.h"

namespace spanheap::look {
namespace {

constexpr size_t kMostThreads = 1 << 20;
constexpr uint64_t kMostBlocks = 1 << 16;  // on one stack
constexpr uint64_t kPointer = 8;
constexpr size_t kMostBatches = 1 << 16;

}  // namespace

void HeapReader::ReadThreads(HeapImage& image) {
  uint64_t next = 0;
  image.threads.push_back(ReadThread(root_.Address("threads.shared"), next, image));
  image.threads.back().is_shared = true;
  next = root_.Value("threads.first");
  Trail trail;
  while (next != 0 && image.threads.size() < kMostThreads) {
    const uint64_t address = next;
    trail.Step(address, "threads");
    image.threads.push_back(ReadThread(address, next, image));
  }
}

ThreadImage HeapReader::ReadThread(uint64_t address, uint64_t& next, HeapImage& image) {
  const RootField tops = root_.Field("thread.tops");
  const RootField classes = root_.Field("thread.classes");
  const RootField bottom = root_.Field("state.bottom");
  const RootField capacity = root_.Field("state.capacity");
  const RootField taken = root_.Field("state.taken");
  const RootField returned = root_.Field("state.returned");
  const RootField requests = root_.FieldOrNone("state.requests");
  const RootField requested_bytes = root_.FieldOrNone("state.requested_bytes");
  // All but the stacks, which come last.
  const RecordTable table = tables_.Read(address, classes.end(), 1, "threads");
  const std::string_view block = table[0];
  const auto field = [&](const char* name) { return root_.Field(name).In(block); };
  ThreadImage thread;
  thread.address = address;
  if (root_.Has("thread.id")) thread.id = field("thread.id");
  thread.section_depth = static_cast<uint32_t>(field("thread.section_depth"));
  thread.is_orphaned = field("thread.orphaned") != 0;
  thread.page_base = static_cast<uint32_t>(field("thread.page_base"));
  thread.page_free = field("thread.page_free");
  thread.refills = field("thread.refills");
  thread.flushes = field("thread.flushes");
  next = field("thread.next");
  tables_.Charge(sizeof(BinImage), image.classes.size(), "threads");
  thread.bins.resize(image.classes.size());
  std::vector<std::pair<uint64_t, BinImage*>> stacks;
  for (uint32_t c = 1; c < image.classes.size(); ++c) {
    const std::string_view state = classes.PartOf(block, c);
    BinImage& bin = thread.bins[c];
    bin.capacity = static_cast<uint32_t>(capacity.In(state));
    bin.taken = taken.In(state);
    bin.returned = returned.In(state);
    bin.requests = requests.In(state);
    bin.requested_bytes = requested_bytes.In(state);
    const uint64_t top = tops.In(block, c);
    const uint64_t low = bottom.In(state);
    if (top <= low || (top - low) / kPointer > kMostBlocks) continue;
    tables_.Charge(kPointer, (top - low) / kPointer, "cached blocks");
    bin.blocks.resize((top - low) / kPointer);
    stacks.emplace_back(low + kPointer, &bin);  // above the slot that is null for ever
  }
  ReadStacks(image, stacks);
  return thread;
}

void HeapReader::ReadStacks(HeapImage& image,
                            const std::vector<std::pair<uint64_t, BinImage*>>& bins) {
  std::vector<MemoryPiece> pieces;
  for (const auto& [address, bin] : bins) {
    pieces.push_back({address, bin->blocks.data(), bin->blocks.size() * kPointer});
  }
  image.unreadable += memory_.ReadMany(pieces);
}

// Blocks wait by the batch, a list of batches for each small class.
void HeapReader::ReadShelf(HeapImage& image) {
  image.shelf.resize(image.classes.size());
  if (!root_.Has("shelf.shelves")) return;
  const RootField newest = root_.Field("shelf.newest");
  const RootField older = root_.Field("batch.older");
  const RootField count = root_.Field("batch.count");
  const RootField blocks = root_.Field("batch.blocks");
  const RecordTable shelves =
      tables_.Read(root_.Address("shelf.shelves"), root_.RecordSize("shelf.record"),
                   image.first_run_class, "shelves");
  std::string batch(std::max({older.end(), count.end(), blocks.end()}), '\0');
  size_t batches = 0;
  Trail trail;
  for (uint32_t c = 1; c < image.first_run_class; ++c) {
    uint64_t next = newest.In(shelves[c]);
    for (; next != 0 && batches < kMostBatches; next = older.In(batch)) {
      ++batches;
      trail.Step(next, "batches");
      tables_.Charge(batch.size(), 1, "batches");
      if (!memory_.Read(next, batch.data(), batch.size())) {
        ++image.unreadable;
        break;
      }
      const auto n = std::min(static_cast<uint32_t>(count.In(batch)), blocks.count);
      for (uint32_t i = 0; i < n; ++i) image.shelf[c].push_back(blocks.In(batch, i));
    }
  }
}

}  // namespace spanheap::look
