// SPDX-License-Identifier: MIT
//
// Weak handles, finalizers, destructors and cleanups of spanheap/gc_c.h.
#include <cerrno>

#include "faces/native/export.h"
#include "runtime/collected_heap.h"
#include "spanheap/gc_c.h"

using spanheap::CollectedHeap;

namespace {

int ZeroOrNoMemory(bool done) {
  if (done) return 0;
  errno = ENOMEM;
  return -1;
}

}  // namespace

SPANHEAP_EXPORT void* sh_gc_weak_handle(const void* address) noexcept {
  if (address == nullptr) return nullptr;
  CollectedHeap* const heap = CollectedHeap::GetIfStarted();
  void* const handle = heap == nullptr ? nullptr : heap->WeakHandle(address);
  if (handle == nullptr) {
    errno = heap != nullptr && heap->BaseOf(address) != nullptr ? ENOMEM : EINVAL;
  }
  return handle;
}

SPANHEAP_EXPORT void* sh_gc_weak_get(const void* handle) noexcept {
  return handle == nullptr ? nullptr : CollectedHeap::GetIfStarted()->WeakGet(handle);
}

SPANHEAP_EXPORT sh_gc_cleanup sh_gc_add_cleanup(void* object, void (*run)(void*),
                                                void* closure) noexcept {
  CollectedHeap* const heap = CollectedHeap::GetIfStarted();
  void* const base = heap == nullptr ? nullptr : heap->BaseOf(object);
  if (run == nullptr || base == nullptr || base == heap->BaseOf(closure)) {
    errno = EINVAL;
    return {0, 0};
  }
  const uint64_t id = heap->AddCleanup(object, run, closure);
  if (id == 0) errno = ENOMEM;
  return {~reinterpret_cast<uintptr_t>(object), id};
}

SPANHEAP_EXPORT int sh_gc_stop_cleanup(sh_gc_cleanup cleanup) noexcept {
  CollectedHeap* const heap = CollectedHeap::GetIfStarted();
  void* const object = reinterpret_cast<void*>(~cleanup.hidden);
  return heap != nullptr && cleanup.id != 0 && heap->StopCleanup(object, cleanup.id) ? 1 : 0;
}

SPANHEAP_EXPORT int sh_gc_set_finalizer(void* object, void (*run)(void*, void*),
                                        void* closure) noexcept {
  CollectedHeap* const heap = CollectedHeap::GetIfStarted();
  const bool is_start = heap != nullptr && object != nullptr && heap->BaseOf(object) == object;
  // Who takes a finalizer away may say anything of the closure.
  if (!is_start || (run != nullptr && heap->BaseOf(closure) == object)) {
    errno = EINVAL;
    return -1;
  }
  return ZeroOrNoMemory(heap->SetFinalizer(object, run, closure));
}

SPANHEAP_EXPORT int sh_gc_set_destructor(void* object, sh_layout* layout, size_t count) noexcept {
  CollectedHeap* const heap = CollectedHeap::Get();
  if (heap != nullptr && heap->SetDestructor(object, *layout, count)) return 0;
  const bool is_right = heap == nullptr || heap->AreElements(object, layout->size, count);
  errno = is_right ? ENOMEM : EINVAL;
  return -1;
}

SPANHEAP_EXPORT int sh_gc_drain_finalizers(uint64_t timeout_ns) noexcept {
  CollectedHeap* const heap = CollectedHeap::GetIfStarted();
  return heap == nullptr || heap->DrainFinalizers(timeout_ns) ? 1 : 0;
}
