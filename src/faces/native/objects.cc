// SPDX-License-Identifier: MIT
//
// Objects and exact roots of spanheap/gc_c.h.
#include <cerrno>

#include "base/platform.h"
#include "faces/native/export.h"
#include "runtime/bad_pointer.h"
#include "runtime/collected_heap.h"
#include "spanheap/detail/barrier.h"
#include "spanheap/gc_c.h"

using spanheap::CollectedHeap;

namespace {

// The heap does not start.
SPANHEAP_COLD void* NoMemory() {
  errno = ENOMEM;
  return nullptr;
}

}  // namespace

SPANHEAP_EXPORT void* sh_gc_new(sh_layout* layout, size_t count) noexcept {
  CollectedHeap* const heap = CollectedHeap::Get();
  return heap == nullptr ? NoMemory() : heap->New(*layout, count);
}

SPANHEAP_EXPORT void* sh_gc_base(const void* address) noexcept {
  const CollectedHeap* const heap = CollectedHeap::GetIfStarted();
  return heap == nullptr ? nullptr : heap->BaseOf(address);
}

SPANHEAP_EXPORT size_t sh_gc_size(const void* address) noexcept {
  const CollectedHeap* const heap = CollectedHeap::GetIfStarted();
  return heap == nullptr ? 0 : heap->SizeOf(address);
}

SPANHEAP_EXPORT sh_gc_root* sh_gc_root_new(const void* value) noexcept {
  CollectedHeap* const heap = CollectedHeap::Get();
  // Attached: a fork waits until it holds no lock of the roots.
  void** const slot = heap == nullptr || heap->Thread() == nullptr ? nullptr : heap->roots.Take();
  if (slot == nullptr) return nullptr;
  spanheap::detail::StorePointer(slot, const_cast<void*>(value));
  return reinterpret_cast<sh_gc_root*>(slot);
}

SPANHEAP_EXPORT void sh_gc_root_free(sh_gc_root* root) noexcept {
  if (root == nullptr) return;
  CollectedHeap* const heap = CollectedHeap::GetIfStarted();
  heap->Thread();
  spanheap::detail::StorePointer(&root->value, nullptr);
  heap->roots.Put(&root->value);
}

SPANHEAP_EXPORT int sh_gc_place(const void* address) noexcept {
  CollectedHeap* const heap = CollectedHeap::Get();
  return heap == nullptr ? SH_PLACE_STACK : heap->PlaceOf(address);
}

SPANHEAP_EXPORT void sh_gc_delete(void* object) noexcept {
  CollectedHeap* const heap = CollectedHeap::GetIfStarted();
  if (object == nullptr || (heap != nullptr && heap->Delete(object))) return;
  spanheap::FailIfMallocs(object, "sh_gc_delete");
}

SPANHEAP_EXPORT int sh_gc_adjust_external(void* object, int64_t bytes) noexcept {
  CollectedHeap* const heap = CollectedHeap::Get();
  if (heap != nullptr && heap->AdjustExternal(object, bytes)) return 0;
  errno = heap == nullptr || heap->BaseOf(object) != nullptr ? ENOMEM : EINVAL;
  return -1;
}
