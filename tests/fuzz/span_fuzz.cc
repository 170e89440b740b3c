// SPDX-License-Identifier: MIT
//
// Fuzz target: byte scripts as calls of the span layer (SpanHeap over a PageHeap of its own),
// beside a plain model of who has which slot.
//
// Idea.  Three actors, each with a page cache and at most one held span per class, as three threads
//        have. The model is a map from address to block: no two blocks may overlap, none may lie
//        outside its span, and a block is handed out again only after it was returned. The layer
//        verifies itself now and then, and its count of used slots per class must be the model's.
//        At the end everything goes back and not one page may be missing.
// Tests. Threads proper are in tests/stress/core_threads_test.cc; this is about every order of
//        calls.
#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <vector>

#include "base/check.h"
#include "os/memory.h"
#include "script_bytes.h"
#include "spans/span_heap.h"

namespace spanheap::fuzz {
namespace {

constexpr unsigned kActors = 3;
constexpr unsigned kClassesInUse = 12;  // few, so that spans fill and empty
constexpr unsigned kMostBlocks = 4000;
constexpr size_t kMostBytes = size_t{256} << 20;

enum class Kind : uint8_t { kSlot, kRun, kSolo };

struct Block {
  Kind kind = Kind::kSlot;
  unsigned malloc_class = 0;
  size_t bytes = 0;
};

struct Actor {
  PageCache cache;
  Span* held[kMallocClassCount] = {};
  uint32_t cursor[kMallocClassCount] = {};
};

class Layers {
 public:
  Layers() : spans(pages, lists) {
    PageHeapOptions options;
    options.reserve = 1_GiB;
    options.os_page = os::PageSize();
    options.huge_page = os::HugePageSize();
    Require(pages.Init(os::TheMemory(), options), "no page heap");
    metadata.Init(os::TheMemory());
    Require(spans.Init(os::TheMemory(), metadata, {1 << 16}), "no span heap");
  }

  PageHeap pages;
  MetadataArena metadata;
  SpanLists lists;
  SpanHeap spans;
};

// One heap for all scripts: each leaves it empty, and the next must not notice.
Layers& TheLayers() {
  static Layers layers;
  return layers;
}

class Model {
 public:
  explicit Model(ScriptBytes& script) : script_(script), layers_(TheLayers()) {
    for (unsigned& c : classes_) c = 1 + script_.Below(kSmallClasses);
  }

  void Run() {
    while (!script_.at_end()) Step();
    GiveEverythingBack();
    Verify();
    Require(layers_.pages.Verify() == 0, "pages are missing at the end");
  }

 private:
  using Blocks = std::map<uintptr_t, Block>;

  void Step() {
    Actor& actor = actors_[script_.Below(kActors)];
    switch (script_.Below(16)) {
      case 0:
      case 1:
      case 2:
      case 3:
        TakeSlots(actor);
        break;
      case 4:
      case 5:
      case 6:
        ReturnSlots(actor);
        break;
      case 7:
        Drop(actor, PickClass());
        break;
      case 8:
        TakeRun(actor);
        break;
      case 9:
        FreeOne(actor, Kind::kRun);
        break;
      case 10:
        ResizeRun();
        break;
      case 11:
        TakeSolo(actor);
        break;
      case 12:
        FreeOne(actor, Kind::kSolo);
        break;
      case 13:
        layers_.pages.Flush(actor.cache);
        break;
      case 14:
        Release();
        break;
      default:
        if (script_.Byte() < 32) Verify();
        break;
    }
  }

  unsigned PickClass() { return classes_[script_.Below(kClassesInUse)]; }
  bool MayTake(size_t bytes) const {
    return blocks_.size() < kMostBlocks && live_bytes_ + bytes <= kMostBytes;
  }

  void TakeSlots(Actor& actor) {
    const unsigned c = PickClass();
    const uint32_t want = 1 + script_.Below(SpanHeap::kMaxBatch);
    if (!MayTake(want * BlockBytes(c))) return;
    if (actor.held[c] == nullptr) {
      actor.held[c] = layers_.spans.TakeSpan(c, actor.cache);
      actor.cursor[c] = 0;
      Require(actor.held[c] != nullptr, "no span is to be had");
    }
    void* taken[SpanHeap::kMaxBatch];
    const uint32_t n = layers_.spans.TakeSlots(*actor.held[c], want, actor.cursor[c], taken);
    Require(n <= want, "more slots than wanted");
    for (uint32_t i = 0; i < n; ++i) AddSlot(*actor.held[c], taken[i], c);
    // A full span is of no use to its holder: a cache drops it, and so does every second one here.
    if (n == 0 || script_.Byte() % 2 == 0) Drop(actor, c);
  }

  void AddSlot(const Span& span, void* block, unsigned c) {
    Require(layers_.spans.SpanOf(AddressOf(block)) == &span, "a slot belongs to another span");
    Add(block, {Kind::kSlot, c, BlockBytes(c)});
  }

  void Drop(Actor& actor, unsigned c) {
    if (actor.held[c] == nullptr) return;
    layers_.spans.DropSpan(*actor.held[c], actor.cache);
    actor.held[c] = nullptr;
  }

  // A batch of one class: neighbours, or blocks from all over, from whichever actor took them.
  void ReturnSlots(Actor& actor) {
    const unsigned c = PickClass();
    const uint32_t most = 1 + script_.Below(SpanHeap::kMaxBatch);
    const uint32_t every = 1 + script_.Below(5);
    std::vector<void*> batch;
    uint32_t seen = 0;
    for (auto at = PickBlock(); at != blocks_.end() && batch.size() < most;) {
      const auto block = at++;
      if (block->second.kind != Kind::kSlot || block->second.malloc_class != c) continue;
      if (++seen % every != 0) continue;
      batch.push_back(reinterpret_cast<void*>(block->first));
      Forget(block);
    }
    if (script_.Byte() % 2 == 0) std::reverse(batch.begin(), batch.end());
    Return(actor, c, batch);
  }

  void Return(Actor& actor, unsigned c, const std::vector<void*>& batch) {
    if (batch.empty()) return;
    layers_.spans.ReturnSlots(c, batch.data(), static_cast<uint32_t>(batch.size()), actor.cache,
                              "fuzz");
  }

  unsigned PickRunClass() { return kFirstRunClass + script_.Below(24); }  // to 2 MiB

  void TakeRun(Actor& actor) {
    const unsigned c = PickRunClass();
    const Pages alignment(1U << (script_.Byte() < 192 ? 0 : script_.Below(9)));
    if (!MayTake(BlockBytes(c))) return;
    bool zeroed = false;
    void* run = layers_.spans.AllocateRun(c, alignment, actor.cache, zeroed);
    Require(run != nullptr, "no run is to be had");
    Require(AddressOf(run).value % BytesOf(alignment).value == 0, "a run is not aligned");
    auto* bytes = static_cast<volatile uint8_t*>(run);
    for (size_t i = 0; i < BlockBytes(c); i += 4096) {
      Require(!zeroed || bytes[i] == 0, "a run is not zero");
      bytes[i] = 0xA5;
    }
    Add(run, {Kind::kRun, c, BlockBytes(c)});
  }

  void ResizeRun() {
    const auto run = Find(Kind::kRun);
    if (run == blocks_.end()) return;
    const Block old = run->second;
    const unsigned c = PickRunClass();
    if (!MayTake(BlockBytes(c))) return;
    void* start = reinterpret_cast<void*>(run->first);
    const bool resized = layers_.spans.ResizeRun(start, old.malloc_class, c);
    Require(resized || BlockBytes(c) > old.bytes, "a run does not shrink");
    if (!resized) return;
    Forget(run);
    Add(start, {Kind::kRun, c, BlockBytes(c)});
  }

  void TakeSolo(Actor& actor) {
    const size_t size = script_.Size(18);
    if (!MayTake(size + kPageSize.value)) return;
    void* block = layers_.spans.AllocateSolo(Bytes(size), actor.cache);
    Require(block != nullptr, "no solo block is to be had");
    const Span* span = layers_.spans.SpanOf(AddressOf(block));
    Require(span != nullptr && span->block_bytes >= size, "a solo block is too small");
    Add(block, {Kind::kSolo, 0, span->block_bytes});
  }

  void FreeOne(Actor& actor, Kind kind) {
    const auto block = Find(kind);
    if (block != blocks_.end()) Free(actor, block);
  }

  void Free(Actor& actor, Blocks::iterator at) {
    void* start = reinterpret_cast<void*>(at->first);
    const Block block = at->second;
    Forget(at);
    switch (block.kind) {
      case Kind::kSlot:
        Return(actor, block.malloc_class, {start});
        break;
      case Kind::kRun:
        layers_.spans.FreeRun(block.malloc_class, start, actor.cache, "fuzz");
        break;
      case Kind::kSolo:
        Span& span = *layers_.spans.SpanOf(AddressOf(start));
        SPANHEAP_CHECK(layers_.spans.FreeSolo(span, actor.cache));
    }
  }

  void Release() {
    if (script_.Byte() % 2 == 0) layers_.pages.NextGeneration();
    if (script_.Byte() % 4 == 0) layers_.spans.GiveUpSpares();
    layers_.pages.ReleaseFree(Pages(1 + script_.Half()), script_.Byte() % 2 == 0);
  }

  void GiveEverythingBack() {
    while (!blocks_.empty()) Free(actors_[script_.Below(kActors)], blocks_.begin());
    for (Actor& actor : actors_) {
      for (unsigned c = 1; c < kFirstRunClass; ++c) Drop(actor, c);
    }
    for (Actor& actor : actors_) layers_.pages.Flush(actor.cache);
    layers_.spans.GiveUpSpares();
  }

  void Verify() {
    uint64_t used[kMallocClassCount] = {};
    uint64_t expected[kMallocClassCount] = {};
    layers_.spans.Verify(used);
    for (const auto& [address, block] : blocks_) {
      if (block.kind == Kind::kSlot) ++expected[block.malloc_class];
    }
    for (unsigned c = 1; c < kFirstRunClass; ++c) {
      Require(used[c] == expected[c], "used slots are miscounted");
    }
    layers_.pages.Verify();
  }

  Blocks::iterator PickBlock() {
    auto found = blocks_.begin();
    std::advance(found, script_.Below(static_cast<uint32_t>(blocks_.size())));
    return found;
  }

  Blocks::iterator Find(Kind kind) {
    auto found = PickBlock();
    while (found != blocks_.end() && found->second.kind != kind) ++found;
    return found;
  }

  void Add(void* start, const Block& block) {
    const auto address = reinterpret_cast<uintptr_t>(start);
    const auto next = blocks_.lower_bound(address);
    Require(next == blocks_.end() || address + block.bytes <= next->first,
            "a block overlaps the next");
    Require(next == blocks_.begin() ||
                std::prev(next)->first + std::prev(next)->second.bytes <= address,
            "a block overlaps the one before");
    blocks_.emplace_hint(next, address, block);
    live_bytes_ += block.bytes;
  }

  void Forget(Blocks::iterator block) {
    live_bytes_ -= block->second.bytes;
    blocks_.erase(block);
  }

  ScriptBytes& script_;
  Layers& layers_;
  unsigned classes_[kClassesInUse];
  Actor actors_[kActors];
  Blocks blocks_;
  size_t live_bytes_ = 0;
};

}  // namespace
}  // namespace spanheap::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  spanheap::fuzz::ScriptBytes script(data, size);
  // On the heap: page caches are known to the page heap by address while they hold a block.
  std::make_unique<spanheap::fuzz::Model>(script)->Run();
  return 0;
}
