// SPDX-License-Identifier: MIT
//
// A collected heap on memory of its own whose world is plain: its roots are a vector, its threads
// are records that the test uses one at a time, so that nothing has to be stopped.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "collect/collector.h"
#include "os/fake_memory.h"

namespace spanheap::collected {

inline constexpr uint64_t kFirstWord = 1;
inline constexpr uint64_t kFirstTwoWords = 3;

// A type of `words` words of which the set ones of `bits` are pointers.
inline sh_layout PreciseLayout(size_t words, const uint64_t* bits) {
  sh_layout layout{};
  layout.size = words * 8;
  layout.kind = SH_SCAN_PRECISE;
  layout.pointer_bits = bits;
  return layout;
}
inline sh_layout PlainLayout(size_t bytes) {
  sh_layout layout{};
  layout.size = bytes;
  return layout;
}

class ModelWorld final : public World {
 public:
  explicit ModelWorld(Bytes reserve = 4_GiB) {
    metadata_.Init(memory_);
    PageHeapOptions options;
    options.reserve = reserve;
    options.os_page = os::PageSize();
    EXPECT_TRUE(pages_.Init(memory_, options));
    EXPECT_TRUE(heap.Init(memory_, metadata_, *this));
    AddThread();
  }

  HeapThread& AddThread() {
    threads_.push_back(std::make_unique<HeapThread>(heap.store, heap.layouts, heap.queue));
    return *threads_.back();
  }
  HeapThread& thread(size_t i = 0) { return *threads_[i]; }
  size_t thread_count() const { return threads_.size(); }

  // As sh_gc_new does it.
  void* New(sh_layout& layout, size_t count = 1, size_t thread_number = 0) {
    Request request;
    if (!Allocator::Plan(layout, count, request)) return nullptr;
    if (IsLargeKind(request.kind)) {
      bool zeroed = false;
      char* at = heap.allocator.BeginLarge(request, zeroed);
      if (at != nullptr) heap.allocator.FinishLarge(at, request, zeroed);
      return at;
    }
    HeapThread& mine = thread(thread_number);
    for (;;) {
      if (void* at = heap.allocator.TryNewSmall(mine.cache, request)) return at;
      if (heap.allocator.Claim(mine.cache, request) == 0) return nullptr;
    }
  }

  // Slots that are handed out or claimed, all kinds.
  uint64_t AllocatedSlots() const {
    uint64_t n = 0;
    for (uint32_t i = 1; i < heap.store.records().end(); ++i) {
      const CollectedSpan& span = heap.store.records().At(i);
      if (span.kind == 0) continue;
      const SpanKind& shape = kSpanKinds[span.kind];
      const Atomic<uint64_t>* bits = heap.store.tables().allocated(span.first.value, shape);
      if (IsLargeKind(span.kind)) {
        ++n;
        continue;
      }
      for (unsigned w = 0; w < shape.words; ++w) {
        n += static_cast<uint64_t>(std::popcount(bits[w].LoadAcquire()));
      }
      n -= static_cast<uint64_t>(std::popcount(PaddingOf(shape)));
    }
    return n;
  }
  // From here on nobody gets memory, not even for records, until memory().RefuseFrom(0).
  void RefuseAll() {
    memory_.RefuseFrom(1);
    while (metadata_.Allocate(Bytes(1024), Bytes(kCacheLine)) != nullptr) {}
  }
  os::FakeMemory& memory() { return memory_; }
  // What threads have claimed and not handed out goes back.
  void ReleaseCaches() {
    for (auto& mine : threads_) heap.allocator.Release(mine->cache);
  }
  void Collect() {
    heap.RequestVerify();
    heap.RunCycle(true);
    ASSERT_EQ(heap.missed(), 0U);
    while (heap.SweepSome()) {}
    ReleaseCaches();
    ASSERT_EQ(heap.store.unswept(), 0U);
    heap.store.Verify();
  }

  // World
  void Stop() override {}
  void Start() override {}
  void ForEach(Visit visit, void* context) override {
    for (auto& mine : threads_) visit(context, *mine);
  }
  void Handshake(Visit visit, void* context) override {
    ++handshakes;
    ForEach(visit, context);
  }
  void SetBarrier(bool) override { notes = {}; }
  void NotePages(const PageNotes& where) override { notes = where; }
  void CallHelpers(unsigned count) override {
    if (on_call) on_call(*this, count);
  }
  void InSection(void (*work)(void*), void* context) override { work(context); }
  bool MarkLateThread(Marker&) override { return false; }
  void VisitRoots(VisitWord visit, void* context) override {
    for (void* root : roots) {
      visit(context, {reinterpret_cast<uintptr_t>(root), 0, RootWord::Place::kRoot, 0, 0});
    }
    for (void* word : late_on_stack) {
      visit(context, {reinterpret_cast<uintptr_t>(word), 0, RootWord::Place::kStack, 0, 0});
    }
  }
  uint32_t ListRoots() override { return static_cast<uint32_t>(roots.size()); }
  RootBytes MarkRoots(uint32_t job, Marker& marker) override {
    marker.Shade(reinterpret_cast<uintptr_t>(roots[job]));
    if (on_root) on_root(job);
    return {.others = 8};
  }

  // As the barrier does it while nothing is marked.
  void Store(void** slot, void* value) const {
    notes.Note(slot);
    *slot = value;
  }

  PageNotes notes;
  int handshakes = 0;
  std::deque<void*> roots;
  std::vector<void*> late_on_stack;           // words that no scan has seen
  std::function<void(uint32_t job)> on_root;  // called while marking
  std::function<void(ModelWorld&, unsigned)> on_call;

 private:
  os::FakeMemory memory_{os::FakeMemory::Backing::kKernel};
  MetadataArena metadata_;
  PageHeap pages_;

 public:
  Collector heap{pages_};

 private:
  std::vector<std::unique_ptr<HeapThread>> threads_;
};

}  // namespace spanheap::collected
