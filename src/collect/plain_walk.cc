// SPDX-License-Identifier: MIT
#include "collect/plain_walk.h"

#include "collect/marker.h"
#include "collect/visitor.h"
#include "spanheap/gc_c.h"

namespace spanheap::collected {

bool PlainWalk::Begin(Met met, void* context) {
  met_ = met;
  context_ = context;
  const size_t pages = store_->tables().page_capacity();
  bits_bytes_ = RoundUp(Bytes(pages * sizeof(MarkBlock)), 64_KiB);
  bits_start_ = memory_->Reserve(bits_bytes_, 64_KiB, "spanheap verifier");
  stack_start_ = memory_->Reserve(kStackBytes, 64_KiB, "spanheap verifier");
  depth_ = 0;
  from_ = 0;
  is_out_of_memory_ = bits_start_ == Address() || stack_start_ == Address();
  if (is_out_of_memory_) return false;
  bits_ = SteppedTable();
  stack_ready_ = SteppedTable();
  bits_.Init(bits_start_, bits_bytes_);
  stack_ready_.Init(stack_start_, kStackBytes);
  return true;
}

void PlainWalk::End() {
  if (bits_start_ != Address()) memory_->Unreserve(bits_start_, bits_bytes_);
  if (stack_start_ != Address()) memory_->Unreserve(stack_start_, kStackBytes);
}

void PlainWalk::Push(uintptr_t base) {
  const Bytes at(depth_ * sizeof(uintptr_t));
  if (!stack_ready_.Cover(*memory_, at, at + Bytes(sizeof(uintptr_t)))) {
    is_out_of_memory_ = true;
    return;
  }
  PointerTo<uintptr_t>(stack_start_)[depth_++] = base;
}

void PlainWalk::Reach(uintptr_t word) {
  const ObjectFinder finder(*store_);
  const ObjectRef object = finder.Find(word);
  if (!object) return;
  const Bytes at(size_t{object.page} * sizeof(MarkBlock));
  if (!bits_.Cover(*memory_, at, at + Bytes(sizeof(MarkBlock)))) {
    is_out_of_memory_ = true;
    return;
  }
  Atomic<uint64_t>& seen = bits_.As<MarkBlock>()[object.page].words[object.slot / 64];
  if ((seen.FetchOr(object.bit()) & object.bit()) != 0) return;
  met_(context_, object, from_);
  if (object.shape().domain != Domain::kNoScan) Push(finder.BaseOf(object).value);
}

void PlainWalk::Drain() {
  while (depth_ > 0) {
    from_ = PointerTo<uintptr_t>(stack_start_)[--depth_];
    ReachContents(ObjectFinder(*store_).Find(from_));
  }
  from_ = 0;
}

void PlainWalk::ReachContents(ObjectRef object) {
  const ObjectFinder finder(*store_);
  const uintptr_t base = finder.BaseOf(object).value;
  const uintptr_t end = base + finder.SizeOf(object);
  if (object.shape().domain == Domain::kBits) {
    const Atomic<uint64_t>* bits = store_->tables().pointers(object.page);
    const uintptr_t page = store_->pages().AddressOf(PageIndex(object.page)).value;
    for (uintptr_t at = base; at < end; at += 8) {
      const size_t word = (at - page) / 8;
      if ((bits[word / 64].LoadAcquire() >> (word % 64) & 1) != 0) ReachWords(at, at + 8);
    }
  }
  if (object.shape().domain != Domain::kTyped) return;
  const CollectedSpan& span = finder.SpanOf(object);
  const uint32_t id = span.type_ids != nullptr ? span.type_ids[object.slot].LoadAcquire()
                                               : span.type_id.LoadAcquire();
  if (id == 0) return;
  const sh_layout& layout = layouts_->At(id);
  if (layout.kind == SH_SCAN_CONSERVATIVE) ReachWords(base, end);
  if (layout.kind == SH_SCAN_PRECISE) ReachPrecise(layout, base, end);
  if (layout.kind != SH_SCAN_TRACED) return;
  sh_visitor visitor{nullptr, this};
  for (uintptr_t at = base; at + layout.size <= end; at += layout.size) {
    layout.trace(reinterpret_cast<const void*>(at), &visitor);
  }
}

SPANHEAP_NO_SANITIZE void PlainWalk::ReachWords(uintptr_t from, uintptr_t to) {
  for (uintptr_t at = from; at + 8 <= to; at += 8) {
    Reach(*reinterpret_cast<const uintptr_t*>(at));
  }
}

void PlainWalk::ReachPrecise(const sh_layout& layout, uintptr_t from, uintptr_t to) {
  const size_t words = layout.size / 8;
  for (uintptr_t at = from; at + 8 <= to; at += 8) {
    const size_t word = (at - from) / 8 % words;
    if ((layout.pointer_bits[word / 64] >> (word % 64) & 1) != 0) ReachWords(at, at + 8);
  }
}

}  // namespace spanheap::collected

// What a layout's trace() calls. Here, since a library takes this file in any case.
#define SPANHEAP_EXPORT extern "C" __attribute__((visibility("default")))

SPANHEAP_EXPORT void sh_gc_visit(sh_visitor* visitor, const void* address) noexcept {
  const auto word = reinterpret_cast<uintptr_t>(address);
  if (visitor->marker != nullptr) {
    visitor->marker->Shade(word);
  } else {
    visitor->walk->Reach(word);
  }
}

SPANHEAP_EXPORT SPANHEAP_NO_SANITIZE void sh_gc_visit_words(sh_visitor* visitor, const void* first,
                                                            size_t words) noexcept {
  for (size_t i = 0; i < words; ++i) {
    sh_gc_visit(visitor, __atomic_load_n(static_cast<void* const*>(first) + i, __ATOMIC_RELAXED));
  }
}
