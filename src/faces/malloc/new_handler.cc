// SPDX-License-Identifier: MIT
//
// The one file compiled with exceptions. Its references to the C++ runtime are all weak; catching
// needs three more than throwing does, which the compiler makes itself.
#include "faces/malloc/new_handler.h"

#include <new>

#include "base/fatal.h"
#include "os/loaded_symbols.h"
#include "runtime/heap.h"

namespace std {
__attribute__((weak)) new_handler get_new_handler() noexcept;
[[noreturn]] __attribute__((weak)) void __throw_bad_alloc();
}  // namespace std

asm(".weak __gxx_personality_v0\n"
    ".weak __cxa_begin_catch\n"
    ".weak __cxa_end_catch\n");

namespace spanheap::face {
namespace {

std::new_handler CurrentHandler() {
  auto* get = &std::get_new_handler;
  if (get == nullptr) {
    get = os::FindLoadedFunction<std::new_handler() noexcept>("_ZSt15get_new_handlerv");
  }
  return get == nullptr ? nullptr : get();
}

[[noreturn]] SPANHEAP_COLD void ThrowBadAlloc(size_t n) {
  auto* throw_it = &std::__throw_bad_alloc;
  if (throw_it == nullptr) throw_it = os::FindLoadedFunction<void()>("_ZSt17__throw_bad_allocv");
  if (throw_it != nullptr) throw_it();
  FatalNoHandler("operator new", Bytes(n));
}

// Null once the program has no handler (any more).
template <class Attempt>
void* AllocateWithHandler(Attempt attempt) {
  for (;;) {
    if (void* p = attempt()) return p;
    const std::new_handler handler = CurrentHandler();
    if (handler == nullptr) return nullptr;
    handler();
  }
}

template <class Attempt>
void* AllocateOrNull(Attempt attempt, const void* caller) noexcept {
  void* p;
  try {
    p = AllocateWithHandler(attempt);
  } catch (...) {
    p = nullptr;  // the handler's, which nobody is to see
  }
  heap::AfterAllocation(caller);
  return p;
}

}  // namespace

void* NewSlow(size_t n, const void* caller) {
  if (void* kept = heap::TryAllocateKept(n)) return kept;
  void* p = AllocateWithHandler([n] { return heap::Allocate(n); });
  heap::AfterAllocation(caller);
  if (p == nullptr) ThrowBadAlloc(n);
  return p;
}

void* NewAlignedSlow(size_t n, size_t alignment, const void* caller) {
  void* p = AllocateWithHandler([n, alignment] { return heap::AllocateAligned(alignment, n); });
  heap::AfterAllocation(caller);
  if (p == nullptr) ThrowBadAlloc(n);
  return p;
}

void* NewOrNullSlow(size_t n, const void* caller) noexcept {
  return AllocateOrNull([n] { return heap::Allocate(n); }, caller);
}

void* NewAlignedOrNullSlow(size_t n, size_t alignment, const void* caller) noexcept {
  return AllocateOrNull([n, alignment] { return heap::AllocateAligned(alignment, n); }, caller);
}

}  // namespace spanheap::face
