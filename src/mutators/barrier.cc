// SPDX-License-Identifier: MIT
//
// The out-of-line halves of the write barrier (spanheap/detail/barrier.h).
//
// Idea.    Everything between the look at the flag and the end of the store is one StopDelay: a
//          phase of the collector cannot begin or end in between. Where what is written need not
//          be remembered, a store over null is no more than that, and one sequence with the look:
//          it is what objects are made of. While nothing is marked but marks are kept, stores note
//          their pages (page_notes.h), once in a cycle; more is no more than a store again.
// Threads. Any. A thread that is not attached is attached first; where that fails, its store is
//          made without a barrier: it can hold no collected object that only it knows.
#include "spanheap/detail/barrier.h"

#include <atomic>

#include "base/atomic.h"
#include "base/platform.h"
#include "mutators/barrier.h"
#include "mutators/inline_data.h"
#include "mutators/mutator_registry.h"
#include "mutators/store_ranges.h"
#include "sync/stop_delay.h"

namespace spanheap {
namespace {

SPANHEAP_TOUCHED_AT_START constinit Atomic<Mutator* (*)()> adopt_thread{nullptr};

Mutator* AdoptSlow() {
  auto* const adopt = adopt_thread.LoadAcquire();
  return adopt != nullptr ? adopt() : nullptr;
}

std::atomic_ref<void*> Slot(void** slot) { return std::atomic_ref<void*>(*slot); }

std::atomic_ref<uint32_t> Flag() { return std::atomic_ref<uint32_t>(sh_inline_v1.barrier_on); }

// Of an attached thread always: the barrier may go on before its StopDelay begins. One that is not
// attached is attached only if stores do more than that: its note must not come when a mark has
// begun, in which it would say that a job is going to queue the page.
Mutator* SelfForStore() {
  if (this_mutator != nullptr) return this_mutator;
  // Relaxed: a thread that is not attached may see it late in any case.
  return Flag().load(std::memory_order_relaxed) != kRemembersNothing ? AdoptSlow() : nullptr;
}

void Remember(Mutator& self, void* word) {
  if (word == nullptr) return;
  if (self.barrier.is_full()) self.registry->hooks().flush_barrier(self);
  self.barrier.Put(word);
}

// Inside a StopDelay. Relaxed: on and off change while the world is stopped. Who has been handed a
// pointer by a thread that has come meanwhile sees what that one's attaching has set.
void Shade(Mutator* self, void* before, void* after) {
  const uint32_t what = Flag().load(std::memory_order_relaxed);
  if (self == nullptr || what == kRemembersNothing || what == kNotesPages) return;
  Remember(*self, before);
  if (what == kRemembersBoth) Remember(*self, after);
}

// The same for the place of the store. Acquire: where pages are noted was said before.
void Note(void** slot) {
  if (Flag().load(std::memory_order_acquire) == kNotesPages) page_notes.Note(slot);
}

// While stores note their pages: the store, if there is nothing to note any more. Null leads
// nowhere.
bool TryStoreNoted(void** slot, void* value) {
  if (Flag().load(std::memory_order_acquire) != kNotesPages) return false;  // as above
  static constexpr uint8_t kNothingToNote = 1;
  const Atomic<uint8_t>* const note = value == nullptr ? nullptr : page_notes.Find(slot);
  return detail::TryStoreIfNoted(
      slot, value, note == nullptr ? &kNothingToNote : reinterpret_cast<const uint8_t*>(note),
      kNotesPages);
}

SPANHEAP_NOINLINE void StoreAndShade(void** slot, void* value, std::memory_order order) {
  Mutator* const self = SelfForStore();
  const StopDelay delay;
  // Relaxed: the value that the mark began with is remembered by whoever overwrites it first.
  Shade(self, Slot(slot).load(std::memory_order_relaxed), value);
  Note(slot);
  Slot(slot).store(value, order);
}

}  // namespace

bool IsBarrierOn() {
  // Relaxed: it changes while the world is stopped, and this thread then passes a handshake.
  const uint32_t what = Flag().load(std::memory_order_relaxed);
  return what != kRemembersNothing && what != kNotesPages;
}

void RememberWritten(bool also) {
  if (!IsBarrierOn()) return;
  Flag().store(also ? kRemembersBoth : kRemembersOverwritten, std::memory_order_seq_cst);
}

SPANHEAP_NO_SANITIZE void ShadeByBarrier(Mutator& self, const WordRanges& words) {
  for (const os::WordSpan& range : words) {
    for (const uintptr_t* word = range.begin; word != range.end; ++word) {
      Shade(&self, PointerTo(Address(*word)), nullptr);
    }
  }
}

Mutator* SelfOrAdopt() { return this_mutator != nullptr ? this_mutator : AdoptSlow(); }

SPANHEAP_AT_START void SetAdoptHook(Mutator* (*adopt)()) { adopt_thread.StoreRelease(adopt); }

}  // namespace spanheap

using spanheap::StopDelay;

void sh_gc_store_slow(void** slot, void* value) noexcept {
  if (spanheap::TryStoreNoted(slot, value)) return;
  if (spanheap::detail::TryStoreOverNull(slot, value, spanheap::kRemembersOverwritten)) return;
  // Relaxed: as an inlined store.
  spanheap::StoreAndShade(slot, value, std::memory_order_relaxed);
}

void sh_gc_store(void** slot, void* value) noexcept { sh_gc_store_slow(slot, value); }

void sh_gc_store_release(void** slot, void* value) noexcept {
  spanheap::StoreAndShade(slot, value, std::memory_order_release);
}

void* sh_gc_exchange(void** slot, void* value) noexcept {
  spanheap::Mutator* const self = spanheap::SelfOrAdopt();
  const StopDelay delay;
  spanheap::Shade(self, spanheap::Slot(slot).load(std::memory_order_relaxed), value);
  spanheap::Note(slot);
  return spanheap::Slot(slot).exchange(value, std::memory_order_seq_cst);
}

int sh_gc_compare_exchange(void** slot, void** expected, void* value) noexcept {
  spanheap::Mutator* const self = spanheap::SelfOrAdopt();
  const StopDelay delay;
  spanheap::Shade(self, *expected, value);
  spanheap::Note(slot);
  return spanheap::Slot(slot).compare_exchange_strong(*expected, value, std::memory_order_seq_cst)
             ? 1
             : 0;
}

void sh_gc_store_many(void** slots, void* const* values, uint64_t count) noexcept {
  // Upwards unless that would overwrite what is still to be read.
  const bool downwards = values != nullptr && values < slots && slots < values + count;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t at = downwards ? count - 1 - i : i;
    sh_gc_store_slow(slots + at, values == nullptr ? nullptr : values[at]);
  }
}

void sh_gc_register_stores_v1(const int32_t* begin, const int32_t* end) noexcept {
  spanheap::AddStoreRanges(begin, end);
}
void sh_gc_unregister_stores_v1(const int32_t* begin) noexcept {
  spanheap::RemoveStoreRanges(begin);
}
