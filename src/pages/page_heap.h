// SPDX-License-Identifier: MIT
//
// PageHeap: pages for everybody: the allocator under its lock, growth, page caches, giving back.
//
// Idea.       Two locks. The heap lock guards bitmaps and summaries and is held for tens of
//             nanoseconds, never across a system call. The growth lock lets one thread at a time
//             ask the OS for more; it rechecks first whether somebody else's growth serves it too.
//             Pages on their way back to the OS are taken out of the bitmap, advised with no lock
//             held, and put back.
// Picture.    AllocateFrom -> PageCache (no lock) -> heap lock: bitmap search -> growth lock: OS
// Invariants. grown = used + cached + free + being released (Verify adds them up).
// Threads.    Any; each PageCache belongs to one thread at a time. Both locks are the heap's own.
//             Pages that are not backed are charged to the gauge when they are taken (charged_ says
//             how much in all), and uncharged when they are released.
// Fails.      count 0 when the OS, or the gauge's ceiling (over_limit), refuses; nothing is lost
//             and the next call may succeed. Freeing pages that are free is fatal.
// Cost.       See docs/design/pages.md for measured figures.
// Go.         mheap.go: allocSpan, freeSpan, grow; scavengeOne, with many ranges per lock section.
// Tests.      tests/pages/page_heap_test.cc, page_heap_threads_test.cc.
#pragma once

#include "base/annotations.h"
#include "base/atomic.h"
#include "base/units.h"
#include "pages/huge_ahead.h"
#include "pages/huge_pages.h"
#include "pages/memory_gauge.h"
#include "pages/page_allocator.h"
#include "pages/page_cache.h"
#include "pages/page_run.h"
#include "pages/page_space.h"
#include "sync/mutex.h"

namespace spanheap {

// Bytes unless it says otherwise. grown == used + cached + free_backed + released.
struct PageHeapStats {
  uint64_t grown = 0;        // pages made ready
  uint64_t used = 0;         // pages in their takers' hands
  uint64_t cached = 0;       // free pages in page caches, or being touched ahead
  uint64_t free_backed = 0;  // free pages that may be backed
  uint64_t released = 0;     // free pages given back or never touched
  uint64_t metadata = 0;     // tables made ready
  uint64_t reserved = 0;     // address space held, pages and tables
  uint64_t peak_grown = 0;   // the highest `grown` so far
  uint64_t os_releases = 0;  // times a run of pages was given back
  uint64_t allocations = 0;  // taken under the lock, by count
  uint64_t mapped() const { return grown + metadata; }
};

// Which free pages may go, and how.
enum class Urgency : uint8_t {
  kNone,    // not dense chunks, nor what was freed in this generation
  kNewToo,  // all there are
  kAtOnce,  // the same, and never lazily: somebody waits for the memory
};

class PageHeap {
 public:
  constexpr PageHeap() = default;
  PageHeap(const PageHeap&) = delete;
  PageHeap& operator=(const PageHeap&) = delete;

  // Somebody above who keeps free pages of this heap back: asked, with no lock held, before the OS
  // is. True: some have been freed. To be set before other threads are there.
  using Reclaimer = bool (*)(void* keeper);
  void SetReclaimer(Reclaimer reclaimer, void* keeper) {
    reclaimer_ = reclaimer;
    keeper_ = keeper;
  }

  // Once, before anything else. False: no address space; the heap stays unusable.
  bool Init(os::Memory& memory, const PageHeapOptions& options);

  // n >= 1 pages whose address is a multiple of alignment * 8 KiB; a power of two.
  PageRun Allocate(Pages n, Pages alignment = Pages(1));
  // n in 1..64. Owner of the cache only.
  PageRun AllocateFrom(PageCache& cache, Pages n) {
    if (const PageRun run = cache.Allocate(n)) [[likely]]
      return run;
    return AllocateFromSlow(cache, n);
  }
  // All n pages were handed out and are the caller's to give.
  void Free(PageIndex first, Pages n);
  // The same; owner of the cache only.
  void FreeTo(PageCache& cache, PageIndex first, Pages n) {
    if (!cache.Free(first, n)) Free(first, n);
  }
  // In one section of the lock.
  void FreeMany(const PageRun* runs, size_t count);
  // Takes [end, end + more) if all of it is free, growing where that helps; else count 0.
  PageRun TryExtend(PageIndex end, Pages more);
  // Gives back what the cache holds. By the owner, or while it cannot run.
  void Flush(PageCache& cache);

  // Gives about `at_most` free pages back to the OS: whole huge pages first, highest addresses
  // first. By force: kAtOnce. Returns the number given.
  Pages ReleaseFree(Pages at_most, bool force);
  // Its two halves: whole huge pages, free throughout; and the rest, in pieces.
  Pages ReleaseUnits(Pages at_most, Urgency urgency);
  Pages ReleasePieces(Pages at_most, Urgency urgency);
  // Gives table pages back that speak of nothing but pages given back: about a thousandth of these.
  // Does a part of it; false when all is done.
  bool ReleaseTables() EXCLUDES(lock_);
  // From here on pages go back lazily (MADV_FREE) unless they go kAtOnce: the kernel takes them
  // when it is short.
  void SetLazyRelease(bool lazy) { lazy_release_.StoreRelaxed(lazy); }  // relaxed: a preference
  // Makes wholly free chunks inaccessible, so that they count against no limit. Returns their
  // pages.
  Pages ReleaseChunks(Pages at_most) EXCLUDES(growth_lock_, lock_);
  // Huge pages were asked for where p lies, and will be there at its next first touch: give such
  // memory back in whole huge pages. Giving back less takes the advice back for the 32 MiB around,
  // so that the kernel does not fill the hole again. Any page of the heap.
  bool IsAdvisedHuge(PageIndex p) const { return space_.IsAdvised(ChunkOf(p)); }
  // To be called, with no lock held, before these pages or a part of them are given back to the OS
  // by somebody else than this heap, which does it by itself.
  void KeepHolesOpen(PageIndex first, Pages n) EXCLUDES(lock_);
  // --- Huge pages ahead of need (pages/huge_ahead.h): a thread of the heap's own ---
  // True once each time a huge page is due, for who is to wake that thread.
  bool TakeTouchDue() {
    return touch_due_.LoadRelaxed() && touch_due_.Exchange(false);  // relaxed: seen a little later
  }
  // The thread takes the pages out, touches them with no lock held and in no section, and puts them
  // back. count 0: none is due.
  PageRun TakeAhead() EXCLUDES(lock_);
  // False: refused.
  bool TouchAhead(const PageRun& run);
  void ReturnAhead(bool was_touched) EXCLUDES(lock_);
  // Takes all advice back: memory has become scarce, and no first touch shall wait for a huge page.
  void ForgetHugeAdvice() EXCLUDES(lock_);
  // What was freed until now may go back unforced from here on. To be called by the clock.
  void NextGeneration();

  // Bytes made ready. Relaxed: a statistic.
  uint64_t grown_bytes() const { return grown_.LoadRelaxed(); }
  PageHeapStats ReadStats() const;
  // How many more bytes than now were used at some time since the last call of this, about.
  uint64_t TakeSwing();
  // Aborts if an invariant is broken; no other thread may use the heap. Returns the used pages.
  uint64_t Verify();

  constexpr MemoryGauge& gauge() { return gauge_; }
  const PageTables& tables() const { return space_.tables(); }
  Address AddressOf(PageIndex p) const { return space_.AddressOf(p); }
  PageIndex IndexOf(Address a) const { return space_.IndexOf(a); }
  // True if a lies in a page that was made ready.
  bool Contains(Address a) const { return space_.Contains(a); }

  // One past the highest chunk number that will ever exist.
  ChunkIndex capacity() const { return space_.capacity(); }
  // No page lies outside of the tables' linear range, so far.
  bool is_linear() const { return space_.has_one_arena(); }

  // In a forked child, whose locks may be held by threads that are not there.
  void ResetInChild() NO_THREAD_SAFETY_ANALYSIS;

 private:
  friend struct RootRecord;  // its layout is described to tools
  SPANHEAP_NOINLINE PageRun AllocateFromSlow(PageCache& cache, Pages n) EXCLUDES(lock_);
  PageRun AllocateWith(Pages n, Pages alignment, bool is_ahead) EXCLUDES(lock_);
  PageRun TryAllocate(Pages n, Pages alignment) EXCLUDES(lock_);
  PageRun AllocateLocked(Pages n, Pages alignment) REQUIRES(lock_);
  PageIndex FindLocked(Pages n, Pages alignment) REQUIRES(lock_);
  PageIndex FindPaddedLocked(Pages n, Pages alignment) REQUIRES(lock_);
  Pages SkipTo(Pages alignment, PageIndex p) const;
  SPANHEAP_NOINLINE PageRun AllocateByGrowing(Pages n, Pages alignment, bool is_ahead)
      EXCLUDES(lock_);
  ChunkRange GrowFor(Count chunks, Bytes alignment) REQUIRES(growth_lock_) EXCLUDES(lock_);
  bool GrowRange(ChunkRange chunks, HugeGrowth::Step step) REQUIRES(growth_lock_) EXCLUDES(lock_);
  bool MayBeAhead() const REQUIRES(growth_lock_);
  void NoteTakenLocked(PageIndex end) REQUIRES(lock_);
  void TakeAdviceBack(ChunkRange chunks) EXCLUDES(lock_);
  bool GrowOver(PageIndex end, Pages more) REQUIRES(growth_lock_) EXCLUDES(lock_);
  Count StepFor(Count chunks) REQUIRES(growth_lock_);
  bool IsStrict();
  HugeGrowth::Step NextStep(Count needed, Count usual) REQUIRES(growth_lock_);
  void NoteSpace() REQUIRES(growth_lock_);
  bool FillCache(PageCache& cache) EXCLUDES(lock_);
  void FreeLocked(PageIndex first, Pages n) REQUIRES(lock_);
  PageRun TakeLocked(PageIndex first, Pages n) REQUIRES(lock_);
  void NoteBackedLocked() REQUIRES(lock_);

  static constexpr unsigned kClaims = 64;
  struct Claims {
    PageRun runs[kClaims];
    unsigned count = 0;
  };
  void ClaimHugePages(Claims& claims, Pages at_most, bool force, ChunkIndex& from) EXCLUDES(lock_);
  void ClaimFragments(Claims& claims, Pages at_most, bool force) EXCLUDES(lock_);
  Pages Release(const Claims& claims, Urgency urgency) EXCLUDES(lock_);
  void Advise(const Claims& claims, bool lazily, bool (&given)[kClaims]);

  os::Memory* memory_ = nullptr;   // const after Init
  Reclaimer reclaimer_ = nullptr;  // const once set
  void* keeper_ = nullptr;
  Atomic<bool> lazy_release_;
  MemoryGauge gauge_;
  uint32_t unit_ = 0;                // pages of a huge page; 0: none; const after Init
  HugePages* huge_pages_ = nullptr;  // const after Init; null: none
  bool (*ask_strict_)() = nullptr;   // const after Init
  enum class Charged : uint8_t { kUnknown, kNo, kYes };
  Atomic<Charged> charged_for_;  // ready memory counts, used or not

  Mutex growth_lock_{LockRank::kPageSpace};
  HugeGrowth huge_growth_ GUARDED_BY(growth_lock_);
  bool grows_ahead_ GUARDED_BY(growth_lock_) = false;  // for who is growing now
  PageSpace space_;              // changed under the growth lock; conversions are open to all
  Atomic<uint64_t> grown_;       // bytes; these four are changed under the growth lock
  Atomic<uint64_t> peak_grown_;  // bytes
  Atomic<uint64_t> metadata_;    // bytes
  Atomic<uint64_t> reserved_;    // bytes
  Atomic<bool> touch_due_;       // set under the heap lock, taken by anyone

  alignas(kCacheLine) mutable Mutex lock_{LockRank::kPageHeap};
  PageAllocator pages_ GUARDED_BY(lock_);
  HugeAhead ahead_ GUARDED_BY(lock_);
  uint64_t charged_ GUARDED_BY(lock_) = 0;         // bytes of pages that the gauge counts
  PageCache* caches_ GUARDED_BY(lock_) = nullptr;  // those that hold a block
  uint64_t allocations_ GUARDED_BY(lock_) = 0;
  uint64_t os_releases_ GUARDED_BY(lock_) = 0;
};

}  // namespace spanheap
