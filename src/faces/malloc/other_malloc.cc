// SPDX-License-Identifier: MIT
#include "faces/malloc/other_malloc.h"

#include "base/atomic.h"
#include "os/keep_errno.h"
#include "os/loaded_symbols.h"

extern "C" void* realloc(void* block, size_t size) noexcept;
extern "C" void free(void* block) noexcept;

namespace spanheap::face {
namespace {

enum class Known : uint8_t { kNothing, kOurs, kOther };

constinit OtherMalloc other{};
// Release, acquire: `other` is written before it. Several threads may write the same.
constinit Atomic<Known> known{Known::kNothing};

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

Known Find() {
  const os::KeepErrno keep;
  auto* const reallocate = FindBeforeOurs<void*(void*, size_t)>("realloc", &realloc);
  auto* const release = FindBeforeOurs<void(void*)>("free", &free);
  if (reallocate == nullptr || release == nullptr) return Known::kOurs;
  other = {reallocate, release};
  return Known::kOther;
}

}  // namespace

const OtherMalloc* FindOtherMalloc() {
  Known now = known.LoadAcquire();
  if (now == Known::kNothing) {
    now = Find();
    known.StoreRelease(now);
  }
  return now == Known::kOther ? &other : nullptr;
}

}  // namespace spanheap::face
