// SPDX-License-Identifier: MIT
//
// What CollectedHeap knows of the death of objects: weak handles, finalizers, destructors,
// cleanups.
//
// Idea. Each call finds the object and has its span swept, so that the object is known to live;
//       while marking, what the new fact keeps alive is shaded by the calling thread. All inside
//       one section: no phase begins or ends meanwhile.
#include "os/futex.h"
#include "runtime/collected_heap.h"
#include "runtime/heap_section.h"
#include "runtime/occupied.h"

namespace spanheap {

using collected::HeapThread;
using collected::Marker;
using collected::ObjectFinder;
using collected::ObjectRef;

// Calls `work(object, marker)`; the marker is null while nothing is marked. False: no such object.
template <class Work>
bool CollectedHeap::WithObject(const void* address, Work&& work) {
  HeapThread* const thread = Thread();
  const HeapSection section;
  if (thread == nullptr || !section.is_open()) return false;
  const ObjectFinder finder(collector.store);
  ObjectRef object = finder.Find(AddressOf(address).value);
  if (!object) return false;
  collector.store.EnsureSwept(&finder.SpanOf(object));
  object = finder.Find(AddressOf(address).value);
  if (!object) return false;
  const bool is_marking = collector.state.is_marking();
  const bool done = work(object, is_marking ? &thread->marker : nullptr);
  if (is_marking) collector.work.PassOn(thread->marker);
  return done;
}

// Most of too many facts may be of objects that are dead already, or wait for a finalizer's thread
// that cannot keep up with who makes them.
template <class Work>
bool CollectedHeap::WithNewFact(const void* address, Work&& work) {
  constexpr int kTries = 3;
  for (int i = 0; i < kTries; ++i) {
    if (WithObject(address, work)) return true;
    if (!MakeRoomForFacts()) return false;
  }
  return false;
}

bool CollectedHeap::MakeRoomForFacts() {
  constexpr uint64_t kPatience_ns = 1'000'000'000;
  const auto is_full = [this] {
    const HeapSection section;
    return section.is_open() && collector.specials.IsFull();
  };
  if (Occupied::IsInHeap() || !is_full()) return false;
  finalizers_.Drain(kPatience_ns);
  if (!is_full()) return true;
  if (!last_resort_.CollectIfWorth()) return false;
  finalizers_.Drain(kPatience_ns);
  return true;
}

bool CollectedHeap::SetFinalizer(void* object, void (*run)(void*, void*), void* closure) {
  if (!finalizers_.EnsureRunning()) return false;
  return WithNewFact(object, [&](ObjectRef ref, Marker* marking) {
    return collector.specials.SetFinalizer(ref, reinterpret_cast<void*>(run),
                                           AddressOf(closure).value, marking);
  });
}

bool CollectedHeap::SetDestructor(void* object, sh_layout& layout, size_t count) {
  if (layout.destroy == nullptr)
    FatalHollowLayout("sh_gc_set_destructor", AddressOf(&layout), "destroy");
  if (!finalizers_.EnsureRunning()) return false;
  return WithNewFact(object, [&](ObjectRef ref, Marker*) {
    return AreElementsOf(ref, object, layout.size, count) &&
           collector.specials.SetDestructor(ref, layout, count);
  });
}

bool CollectedHeap::AreElementsOf(ObjectRef ref, const void* first, size_t size,
                                  size_t count) const {
  const ObjectFinder finder(collector.store);
  size_t bytes = 0;
  return ref && finder.BaseOf(ref) == AddressOf(first) &&
         !__builtin_mul_overflow(size, count, &bytes) && bytes <= finder.SizeOf(ref);
}

bool CollectedHeap::AreElements(const void* first, size_t size, size_t count) const {
  return AreElementsOf(ObjectFinder(collector.store).Find(AddressOf(first).value), first, size,
                       count);
}

uint64_t CollectedHeap::AddCleanup(void* object, void (*run)(void*), void* closure) {
  if (!finalizers_.EnsureRunning()) return 0;
  uint64_t id = 0;
  WithNewFact(object, [&](ObjectRef ref, Marker* marking) {
    id = collector.specials.AddCleanup(ref, reinterpret_cast<void*>(run), AddressOf(closure).value,
                                       marking);
    return id != 0;
  });
  return id;
}

bool CollectedHeap::StopCleanup(void* object, uint64_t id) {
  return WithObject(
      object, [&](ObjectRef ref, Marker*) { return collector.specials.StopCleanup(ref, id); });
}

bool CollectedHeap::AdjustExternal(void* object, int64_t bytes) {
  const bool done = WithNewFact(object, [&](ObjectRef ref, Marker*) {
    return collector.specials.AdjustExternal(ref, bytes);  // `bytes` is what counts from here on
  });
  if (done && bytes < 0) collector.NoteFreed(0 - static_cast<uint64_t>(bytes));
  if (done && bytes > 0) {
    collector.state.live.FetchAddRelaxed(static_cast<uint64_t>(bytes));  // relaxed: a counter
    NoteAllocated(*Thread(), static_cast<size_t>(bytes));
  }
  return done;
}

// Objects without pointers of less than 16 bytes share a slot.
static bool MayBeShared(ObjectRef object) {
  return object.kind == collected::KindFor(2, collected::Domain::kNoScan);
}

// Destructors run outside of the section; then what they have added is given up as well. The memory
// is left to a cycle while marking, and while something that is queued may come upon the object.
bool CollectedHeap::Delete(void* object) {
  collected::Special* destructors = nullptr;
  bool is_object = false;
  do {
    destructors = nullptr;
    is_object |= WithObject(object, [&](ObjectRef ref, Marker* marking) {
      uint64_t external = 0;
      destructors = collector.specials.GiveUp(ref, MayBeShared(ref), this_mutator, external);
      collector.NoteFreed(external);
      const bool is_in_use = destructors != nullptr || collector.specials.IsAwaited(ref);
      if (is_in_use || marking != nullptr || MayBeShared(ref)) return true;
      collector.NoteFreed(collector.store.Free(ref));
      return true;
    });
    RunDestructors(destructors);
  } while (destructors != nullptr);
  finalizers_.EnsureRunningIfQueued();  // of cleanups in a forked child
  return is_object;
}

void CollectedHeap::RunDestructors(collected::Special* first) {
  while (first != nullptr) {
    collected::Special* const next = first->next;
    collected::Specials::RunDestructor(*first);
    FinishSpecial(first);
    first = next;
  }
}

void CollectedHeap::FinishSpecial(collected::Special* special) {
  HeapThread* const thread = Thread();
  const HeapSection section;
  const bool is_marking = thread != nullptr && collector.state.is_marking();
  collector.specials.Finish(special, is_marking ? &thread->marker : nullptr);
  if (is_marking) collector.work.PassOn(thread->marker);
}

// ---- weak handles

void* CollectedHeap::WeakHandle(const void* address) {
  uintptr_t own = 0;  // a new one, for an address that has none
  uintptr_t handle = 0;
  const auto get = [&](ObjectRef ref, Marker* marking) {
    handle = collector.specials.WeakHandle(ref, AddressOf(address).value, own, marking);
    return handle != 0;
  };
  if (WithObject(address, get)) return PointerTo(Address(handle));
  // None yet. The handle is an object of its own; it may share a tiny block with others.
  static constinit sh_layout handle_layout = {8,       SH_SCAN_NONE,  0, nullptr, nullptr,
                                              nullptr, "weak handle", 0, 0};
  auto* const made = static_cast<Atomic<uintptr_t>*>(New(handle_layout, 1));
  if (made == nullptr) return nullptr;
  made->StoreRelease(AddressOf(address).value);
  own = AddressOf(made).value;
  const bool done = WithNewFact(address, get);
  asm volatile("" : : "r"(made) : "memory");  // alive until the object keeps it
  return done ? PointerTo(Address(handle)) : nullptr;
}

void* CollectedHeap::WeakGet(const void* handle) {
  const auto* const word = static_cast<const Atomic<uintptr_t>*>(handle);
  void* target = PointerTo(Address(word->LoadAcquire()));
  if (target == nullptr) return nullptr;
  void* found = nullptr;
  WithObject(target, [&](ObjectRef ref, Marker* marking) {
    // The span is swept now, and who was found dead in this mark has no handles any more: then the
    // handle says so. It is read last, for others may end it at any time before.
    if (marking == nullptr || !collector.specials.EndIfDead(ref)) {
      found = PointerTo(Address(word->LoadAcquire()));
    }
    if (marking != nullptr && found != nullptr) marking->Shade(AddressOf(found).value);
    return true;
  });
  return found;
}

}  // namespace spanheap
