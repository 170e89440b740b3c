// SPDX-License-Identifier: MIT
#include "faces/malloc/other_malloc.h"

#include "base/atomic.h"
#include "os/keep_errno.h"
#include "os/loaded_symbols.h"

extern "C" void* realloc(void* block, size_t size) noexcept;
extern "C" void free(void* block) noexcept;

namespace spanheap::face {
namespace {

// What was found. Several threads may look, and write the same. Relaxed: is_known is written after
// it, by release, and read before it, by acquire.
constinit Atomic<void* (*)(void*, size_t)> known_reallocate{nullptr};
constinit Atomic<void (*)(void*)> known_release{nullptr};
constinit Atomic<bool> is_known{false};

struct Search {
  const void* const ours;
  void* first = nullptr;
  bool is_ours_found = false;
  bool is_ours_last = true;

  static bool See(void* address, void* self) {
    auto& search = *static_cast<Search*>(self);
    if (search.first == nullptr) search.first = address;
    if (search.is_ours_found) search.is_ours_last = false;
    if (address == search.ours) search.is_ours_found = true;
    return true;
  }
};

// The definition before ours; null if ours is the first, is not to be found from outside, or lies
// behind all others.
template <class Function>
Function* FindBeforeOurs(const char* name, Function* ours) {
  Search search{reinterpret_cast<const void*>(ours)};
  os::ForEachLoaded(name, os::LoadedKind::kFunction, &Search::See, &search);
  if (!search.is_ours_found || search.is_ours_last || search.first == search.ours) return nullptr;
  return reinterpret_cast<Function*>(search.first);
}

void Find() {
  const os::KeepErrno keep;
  auto* const reallocate = FindBeforeOurs<void*(void*, size_t)>("realloc", &realloc);
  auto* const release = FindBeforeOurs<void(void*)>("free", &free);
  if (reallocate != nullptr && release != nullptr) {
    known_reallocate.StoreRelaxed(reallocate);
    known_release.StoreRelaxed(release);
  }
  is_known.StoreRelease(true);
}

}  // namespace

OtherMalloc FindOtherMalloc() {
  if (!is_known.LoadAcquire()) Find();
  return {known_reallocate.LoadRelaxed(), known_release.LoadRelaxed()};  // relaxed: as above
}

}  // namespace spanheap::face
