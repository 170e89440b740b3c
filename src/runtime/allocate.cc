// SPDX-License-Identifier: MIT
//
// The allocating half of the heap's slow paths.
#include <cstring>

#include "caches/fast_path_inl.h"
#include "caches/held_runs_inl.h"
#include "runtime/heap.h"
#include "runtime/heap_section.h"
#include "runtime/options.h"
#include "runtime/sampling.h"

namespace spanheap::heap {
namespace {

// Tries again for as long as memory can be found by giving up other memory. Ends at the soft limit.
template <class Attempt>
SPANHEAP_ALWAYS_INLINE void* Persist(size_t n, Attempt attempt) {
  void* block = attempt();
  for (unsigned failures = 1; block == nullptr; ++failures) {
    if (!runtime.limits.AfterFailure(n, failures)) return nullptr;
    block = attempt();
  }
  runtime.limits.AfterAllocation(n);
  return block;
}

void* AllocateLarge(size_t n, size_t alignment) {
  return Persist(n, [&]() -> void* {
    const HeapSection section;
    return section.is_open() ? runtime.large.Allocate(Bytes(n), Bytes(alignment)) : nullptr;
  });
}

// A sample is due: this block gets pages of its own. Null: none can be had; go on without.
void* AllocateSampled(const HeapSection& section, size_t n) {
  ThreadBlock& block = section.block();
  StartSampling(block);
  return runtime.spans.AllocateSolo(Bytes(n), block.page_cache);
}

void* PopFromBin(ThreadBlock& block, unsigned c) {
  void** top = block.bins.tops[c].LoadRelaxed();  // relaxed: this thread's own
  if (*top == nullptr) return nullptr;
  block.bins.tops[c].StoreRelease(top - 1);
  return *top;
}

void* AllocateInSection(const HeapSection& section, unsigned c, size_t n, bool& zeroed) {
  ThreadBlock& block = section.block();
  ThreadCache cache = section.cache();
  // A request of this class as good as any other: which of them come here depends on the bin.
  block.classes[c].requests.AddOwned(1);
  block.classes[c].requested_bytes.AddOwned(n);
  block.NoteUsed(c);
  if (section.is_direct()) return cache.TakeOne(c);
  // Below 0: the fast path has counted this request and found that a sample is due. Else its bin
  // was empty, or it never saw the request, and nobody has counted it yet.
  int64_t& countdown = block.bins.sample_countdown;
  if (countdown >= 0) countdown -= static_cast<int64_t>(n);
  if (countdown < 0) [[unlikely]] {
    if (void* sampled = AllocateSampled(section, n)) return sampled;
  }
  if (IsRunClass(c) && BlockBytes(c) > kMaxTabledBytes) {
    if (void* held = cache.PopHeldRun(c)) return held;
  } else if (void* popped = PopFromBin(block, c)) {
    return popped;
  }
  return cache.Refill(c, zeroed);
}

SPANHEAP_ALWAYS_INLINE void* TryAllocateOfClass(unsigned c, size_t n, bool& zeroed) {
  const HeapSection section;
  if (section.is_open()) [[likely]]
    return AllocateInSection(section, c, n, zeroed);
  return section.is_reentrant() ? runtime.bootstrap.Allocate(n) : nullptr;
}

SPANHEAP_NOINLINE void* AllocateOfClass(unsigned c, size_t n, bool& zeroed) {
  return Persist(n, [&] { return TryAllocateOfClass(c, n, zeroed); });
}

// A run this thread kept, found without a section. It counts as fast path, for signal handlers,
// too.
void* TryPopHeldRun(size_t n) {
  ThreadBlock* block = this_thread.block;
  if (block == nullptr || this_thread.bins.LoadRelaxed() != &block->bins) return nullptr;
  if (block->bins.sample_countdown < static_cast<int64_t>(n)) return nullptr;
  void* held =
      ThreadCache(runtime.spans, runtime.cache_share, *block).PopHeldRun(MallocClassFor(n));
  if (held != nullptr) block->bins.sample_countdown -= static_cast<int64_t>(n);
  return held;
}

// Alignments above a page are met by runs alone.
unsigned AlignedRunClassFor(size_t n) {
  constexpr size_t kLeastRun = kMaxSmallBytes + 1;
  return MallocClassFor(n < kLeastRun ? kLeastRun : n);
}

void* AllocateAlignedRun(size_t alignment, size_t n) {
  const unsigned c = AlignedRunClassFor(n);
  return Persist(n, [&]() -> void* {
    const HeapSection section;
    bool zeroed = false;
    if (!section.is_open()) return nullptr;
    return section.cache().AllocateRun(c, PagesFor(Bytes(alignment)), zeroed);
  });
}

// The smallest class whose every slot is a multiple of `alignment`; 0: none.
unsigned AlignedClassFor(size_t alignment, size_t n) {
  const size_t rounded = RoundUp(n == 0 ? 1 : n, alignment);
  if (rounded > kMaxSmallBytes) return 0;
  unsigned c = MallocClassFor(rounded);
  while (BlockBytes(c) % alignment != 0) ++c;
  return c;
}

}  // namespace

void* TryAllocateKept(size_t n) {
  return n > kMaxTabledBytes && n <= kMaxRunBytes ? TryPopHeldRun(n) : nullptr;
}

void* Allocate(size_t n) {
  if (n > kMaxRunBytes) return n > kMaxBlock ? nullptr : AllocateLarge(n, kMinAlignment);
  bool zeroed = false;
  return AllocateOfClass(MallocClassFor(n == 0 ? 1 : n), n, zeroed);
}

void* TryAllocateRun(size_t n) {
  bool zeroed = false;
  void* block = TryAllocateOfClass(MallocClassFor(n), n, zeroed);
  if (block != nullptr) runtime.limits.AfterAllocation(n);
  return block;
}

void* AllocateZeroed(size_t n) {
  if (n > kMaxRunBytes) return n > kMaxBlock ? nullptr : AllocateLarge(n, kMinAlignment);
  bool zeroed = false;
  void* block = AllocateOfClass(MallocClassFor(n == 0 ? 1 : n), n, zeroed);
  if (block != nullptr && !zeroed) memset(block, 0, n);
  return block;
}

void* AllocateAligned(size_t alignment, size_t n) {
  if (alignment > kMaxAlignment || n > kMaxBlock) return nullptr;
  if (alignment <= kMinAlignment) return Allocate(n);
  if (n > kMaxRunBytes) return AllocateLarge(n, alignment);
  if (alignment > kPageSize.value) return AllocateAlignedRun(alignment, n);
  const unsigned c = AlignedClassFor(alignment, n);
  void* block = Allocate(c != 0 ? BlockBytes(c) : n);
  // What a signal handler gets that interrupted a slow path is aligned to 16 only.
  return AddressOf(block).value % alignment == 0 ? block : nullptr;
}

size_t GoodSizeAligned(size_t alignment, size_t n) {
  if (alignment > kMaxAlignment || n > kMaxBlock) return 0;
  if (alignment <= kMinAlignment || n > kMaxRunBytes) return GoodSize(n);
  if (alignment > kPageSize.value) return BlockBytes(AlignedRunClassFor(n));
  const unsigned c = AlignedClassFor(alignment, n);
  return c != 0 ? BlockBytes(c) : GoodSize(n);
}

}  // namespace spanheap::heap
