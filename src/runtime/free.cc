// SPDX-License-Identifier: MIT
//
// The freeing half of the heap's slow paths, and what can be said of a pointer.
#include <algorithm>

#include "base/fatal.h"
#include "caches/fast_path_inl.h"
#include "caches/held_runs_inl.h"
#include "runtime/bad_pointer.h"
#include "runtime/block_lookup.h"
#include "runtime/heap.h"
#include "runtime/heap_section.h"
#include "runtime/options.h"

namespace spanheap::heap {
namespace {

// The class of the block at p, by its page. 0: anything unusual.
unsigned ClassAt(const void* p) {
  const PageTables& tables = runtime.pages.tables();
  const size_t offset = AddressOf(p).value - tables.base.value;
  // Relaxed: the byte was written before the block was first handed out.
  return offset < tables.linear_bytes ? tables.class_of[offset >> kPageShift].LoadRelaxed() : 0;
}

void FreeClassedInSection(const HeapSection& section, unsigned c, void* p, const char* call) {
  ThreadBlock& block = section.block();
  ThreadCache cache = section.cache();
  if (section.is_direct()) {
    cache.ReturnOne(c, p, call);
    return;
  }
  void** top = block.bins.tops[c].LoadRelaxed();  // relaxed: this thread's own
  if (*top == p) FatalDoubleFree(call, AddressOf(p), runtime.spans.FactsOf(AddressOf(p)));
  if (top == block.bins.limits[c]) {
    cache.PushFull(c, p, call);
    return;
  }
  top[1] = p;
  block.bins.tops[c].StoreRelease(top + 1);
}

// Whether p can be a block, as far as that is known without a lock: the interrupted code may hold
// that of the large blocks.
bool MayBeBlock(const void* p) {
  return runtime.pages.Contains(AddressOf(p)) || runtime.large.MayStartAt(AddressOf(p));
}

// A signal handler, or a destructor that runs while its collected object is swept, frees a block
// while its thread is in a slow path. The block is kept until the thread's next slow path; the link
// is in the block itself: there is no other memory to use here.
void DeferFree(ThreadBlock& block, void* p) {
  void* before = block.deferred_frees.LoadAcquire();
  do {
    *static_cast<void**>(p) = before;
  } while (!block.deferred_frees.CompareExchange(before, p));
}

void FreeInSection(const HeapSection& section, const BlockInfo& info, void* p, const char* call) {
  switch (info.kind) {
    case BlockKind::kClassed:
      FreeClassedInSection(section, info.malloc_class, p, call);
      return;
    case BlockKind::kSolo:
      if (!runtime.spans.FreeSolo(*info.span, section.block().page_cache)) FailNoBlock(p, call);
      return;
    case BlockKind::kLarge:
      if (!runtime.large.Free(p)) FailNoBlock(p, call);
      return;
    case BlockKind::kBootstrap:
      return;
    case BlockKind::kNoBlock:
      FailNoBlock(p, call);
    case BlockKind::kForeign:
      if (options.foreign == ForeignPointer::kAbort) FailForeign(p, call);
      return;
  }
}

// The list is taken whole, so that a handler may begin another meanwhile.
void FreeDeferred(const HeapSection& section, ThreadBlock& block) {
  void* p = block.deferred_frees.Exchange(nullptr);
  while (p != nullptr) {
    void* next = *static_cast<void**>(p);
    FreeInSection(section, LookUp(p), p, "free");
    p = next;
  }
}

// A thread without a block defers its handlers' frees to the shared one.
bool HasDeferred(const HeapSection& section) {
  return section.block().deferred_frees.LoadAcquire() != nullptr ||
         runtime.threads.shared_block().deferred_frees.LoadAcquire() != nullptr;
}
SPANHEAP_COLD void FreeAllDeferred(const HeapSection& section) {
  FreeDeferred(section, section.block());
  FreeDeferred(section, runtime.threads.shared_block());
}

// A run beyond malloc's table goes to this thread's keep without a section: it counts as fast path,
// for signal handlers, too.
SPANHEAP_ALWAYS_INLINE bool TryKeepRun(void* p, const char* call) {
  ThreadBlock* block = this_thread.block;
  if (block == nullptr || this_thread.bins.LoadRelaxed() != &block->bins) return false;
  const unsigned c = ClassAt(p);
  if (!IsRunClass(c) || BlockBytes(c) <= kMaxTabledBytes) return false;
  return ThreadCache(runtime.spans, runtime.cache_share, *block).TryHoldRun(c, p, call);
}

// A handler that interrupted a slow path may hold the lock of the large blocks already.
bool CanLookUpInside(const HeapSection& section, const void* p) {
  if (!section.is_reentrant()) return false;
  return runtime.pages.Contains(AddressOf(p)) || runtime.bootstrap.Contains(p);
}

// Returns for a foreign pointer that is to be ignored.
void FailLookup(const BlockInfo& info, const void* p, const char* call) {
  if (info.kind != BlockKind::kForeign) FailNoBlock(p, call);
  if (options.foreign == ForeignPointer::kAbort) FailForeign(p, call);
}

// Whether a block of `usable` bytes can be what a request of n got: by its class, or because it was
// shrunk in place. Sampled blocks may be larger.
bool IsStatedSize(size_t n, size_t alignment, size_t usable, const Span* span) {
  if (n > usable) return false;
  if (alignment > kMinAlignment || FitsInPlace(n, usable) || GoodSize(n) == usable) return true;
  return span != nullptr && span->state.LoadAcquire() == SpanState::kSolo;
}

void CheckStated(void* p, size_t n, size_t alignment, const char* call) {
  const size_t usable = UsableSize(p, call);
  if (usable == 0) return;  // it cannot be told now
  const bool is_size = IsStatedSize(n, alignment, usable, runtime.spans.SpanOf(AddressOf(p)));
  if (is_size && (alignment == 0 || AddressOf(p).value % alignment == 0)) return;
  const HeapSection section;
  const BlockFacts facts = section.is_open() ? FactsOf(p) : BlockFacts{};
  if (!is_size) FatalWrongSize(call, AddressOf(p), Bytes(n), facts);
  FatalWrongAlignment(call, AddressOf(p), Bytes(alignment), facts);
}

}  // namespace

namespace {

// What a free may give the heap back: the bin's blocks, or one run.
size_t AboutReturned(const HeapSection& section, unsigned c) {
  const size_t blocks = BlockBytes(c) <= kMaxTabledBytes ? section.block().classes[c].capacity : 1;
  return std::max<size_t>(blocks, 1) * BlockBytes(c);
}

// Nothing is written into what is none of our blocks, as far as that can be told here.
void FreeReentrant(ThreadBlock& block, void* p, const char* call) {
  if (runtime.bootstrap.Contains(p)) return;
  if (MayBeBlock(p)) {
    DeferFree(block, p);
  } else if (options.foreign == ForeignPointer::kAbort) {
    FatalForeignPointer(call, AddressOf(p));
  }
}

// Returns about as much as that has given the heap back.
size_t FreeBySection(void* p, const char* call) {
  const HeapSection section;
  if (section.is_reentrant()) {
    FreeReentrant(section.block(), p, call);
    return 0;
  }
  if (!section.is_open()) {  // the heap never started: nothing can be ours
    if (options.foreign == ForeignPointer::kAbort) FatalForeignPointer(call, AddressOf(p));
    return 0;
  }
  if (HasDeferred(section)) [[unlikely]]
    FreeAllDeferred(section);
  if (const unsigned c = ClassAt(p); c != 0) [[likely]] {
    FreeClassedInSection(section, c, p, call);
    return AboutReturned(section, c);
  }
  const BlockInfo info = LookUp(p);
  FreeInSection(section, info, p, call);
  return info.usable;
}

SPANHEAP_NOINLINE void FreeSlow(void* p, const char* call, const void* caller) {
  const size_t bytes = FreeBySection(p, call);
  if (this_thread.occupied == 0) runtime.background.AttendFree(caller, bytes);
}

}  // namespace

void Free(void* p, const char* call, const void* caller) {
  if (p == nullptr || TryKeepRun(p, call)) return;
  FreeSlow(p, call, caller);
}

void FreeDeferred() {
  const ThreadBlock* const block = this_thread.block;
  if (block == nullptr || block->deferred_frees.LoadAcquire() == nullptr) return;
  const HeapSection section;
  if (section.is_open()) FreeAllDeferred(section);
}

void FreeSized(void* p, size_t n, size_t alignment, const char* call, const void* caller) {
  if (p != nullptr && options.verify >= 2) CheckStated(p, n, alignment, call);
  if (!TryFreeFast(runtime.pages.tables(), p)) Free(p, call, caller);
}

size_t UsableSize(const void* p, const char* call) {
  if (p == nullptr) return 0;
  if (const unsigned c = ClassAt(p); c != 0) [[likely]]
    return BlockBytes(c);
  const HeapSection section;
  if (!section.is_open() && !CanLookUpInside(section, p)) return 0;
  const BlockInfo info = LookUp(p);
  if (info.usable == 0) FailLookup(info, p, call);
  return info.usable;
}

size_t GoodSize(size_t n) {
  if (n > kMaxBlock) return 0;
  if (n <= kMaxRunBytes) return BlockBytes(MallocClassFor(n == 0 ? 1 : n));
  return RoundUp(n, os::PageSize().value);
}

bool Owns(const void* p) {
  if (runtime.pages.Contains(AddressOf(p)) || runtime.bootstrap.Contains(p)) return true;
  const HeapSection section;
  return section.is_open() && runtime.large.Contains(AddressOf(p));
}

}  // namespace spanheap::heap
