// SPDX-License-Identifier: MIT
//
// The part of HeapReader that reads threads' blocks and the stacks of their bins.
#include <algorithm>

#include "spanheap/look/heap_reader.h"

namespace spanheap::look {
namespace {

constexpr size_t kMostThreads = 1 << 20;
constexpr uint64_t kMostBlocks = 1 << 16;  // on one stack
constexpr uint64_t kPointer = 8;
constexpr size_t kMostBatches = 1 << 16;

}  // namespace

void HeapReader::ReadThreads(HeapImage& image) const {
  uint64_t next = 0;
  image.threads.push_back(ReadThread(root_.Address("threads.shared"), next, image));
  image.threads.back().is_shared = true;
  next = root_.Value("threads.first");
  while (next != 0 && image.threads.size() < kMostThreads) {
    const uint64_t address = next;
    image.threads.push_back(ReadThread(address, next, image));
  }
}

ThreadImage HeapReader::ReadThread(uint64_t address, uint64_t& next, HeapImage& image) const {
  const RootField tops = root_.Field("thread.tops");
  const RootField classes = root_.Field("thread.classes");
  const RootField bottom = root_.Field("state.bottom");
  const RootField capacity = root_.Field("state.capacity");
  const RootField taken = root_.Field("state.taken");
  const RootField returned = root_.Field("state.returned");
  const RootField requests = root_.FieldOrNone("state.requests");
  const RootField requested_bytes = root_.FieldOrNone("state.requested_bytes");
  // All but the stacks, which come last.
  const uint64_t head = classes.offset + uint64_t{classes.size} * classes.count;
  const auto block = memory_.Array<char>(address, head);
  const auto field = [&](const char* name) { return root_.Field(name).In(block.data()); };
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
  thread.bins.resize(image.classes.size());
  std::vector<std::pair<uint64_t, BinImage*>> stacks;
  for (uint32_t c = 1; c < image.classes.size(); ++c) {
    const char* state = block.data() + classes.offset + c * classes.size;
    BinImage& bin = thread.bins[c];
    bin.capacity = static_cast<uint32_t>(capacity.In(state));
    bin.taken = taken.In(state);
    bin.returned = returned.In(state);
    bin.requests = requests.In(state);
    bin.requested_bytes = requested_bytes.In(state);
    const uint64_t top = tops.In(block.data(), c);
    const uint64_t low = bottom.In(state);
    if (top <= low || (top - low) / kPointer > kMostBlocks) continue;
    bin.blocks.resize((top - low) / kPointer);
    stacks.emplace_back(low + kPointer, &bin);  // above the slot that is null for ever
  }
  ReadStacks(image, stacks);
  return thread;
}

void HeapReader::ReadStacks(HeapImage& image,
                            const std::vector<std::pair<uint64_t, BinImage*>>& bins) const {
  std::vector<MemoryPiece> pieces;
  for (const auto& [address, bin] : bins) {
    pieces.push_back({address, bin->blocks.data(), bin->blocks.size() * kPointer});
  }
  image.unreadable += memory_.ReadMany(pieces);
}

// Blocks wait by the batch, a list of batches for each small class.
void HeapReader::ReadShelf(HeapImage& image) const {
  image.shelf.resize(image.classes.size());
  if (!root_.Has("shelf.shelves")) return;
  const uint64_t record = root_.Number("shelf.record");
  const RootField newest = root_.Field("shelf.newest");
  const RootField older = root_.Field("batch.older");
  const RootField count = root_.Field("batch.count");
  const RootField blocks = root_.Field("batch.blocks");
  const auto shelves =
      memory_.Array<char>(root_.Address("shelf.shelves"), record * image.first_run_class);
  std::vector<char> batch(blocks.offset + uint64_t{blocks.size} * blocks.count);
  size_t batches = 0;
  for (uint32_t c = 1; c < image.first_run_class; ++c) {
    uint64_t next = newest.In(shelves.data() + c * record);
    for (; next != 0 && batches < kMostBatches; next = older.In(batch.data())) {
      ++batches;
      if (!memory_.Read(next, batch.data(), batch.size())) {
        ++image.unreadable;
        break;
      }
      const auto n = std::min(static_cast<uint32_t>(count.In(batch.data())), blocks.count);
      for (uint32_t i = 0; i < n; ++i) image.shelf[c].push_back(blocks.In(batch.data(), i));
    }
  }
}

}  // namespace spanheap::look
