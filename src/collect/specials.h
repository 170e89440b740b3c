// SPDX-License-Identifier: MIT
//
// Specials: what is known of single objects beside their memory: weak handles, finalizers,
// destructors, cleanups, bytes held elsewhere; and the queue of what is to be run.
//
// Idea.       A record per fact, in a list of the object's span. When a span is swept, the facts of
//             objects that were not marked take effect: weak handles become null; an object with a
//             finalizer is marked once more and queued; else destructors of the sweep run, cleanups
//             are queued, and it is gone.
//             Destructors that run later act before, when all else is marked: those of objects that
//             are not are queued, and the objects marked with all they reach. In no order: what
//             dies in a circle, or in a long chain, dies at once.
//             Records lie in blocks that marking walks: what a finalizer's object holds, closures
//             and handles are roots; so are queued objects.
// Invariants. At most one finalizer per object, one weak handle per address. A record that is
//             queued is in no span's list; its object's span counts it until it has run.
// Threads.    Any, inside a section, after the object's span was swept. One lock.
// Fails.      Null or false without memory for a record.
// Go.         mheap.go (specials), mfinal.go, mcleanup.go.
// Tests.      tests/collect/specials_test.cc; tests/runtime/collected_death_test.cc.
#pragma once

#include "base/annotations.h"
#include "collect/collected_span.h"
#include "collect/marker.h"
#include "mutators/mutator.h"
#include "spans/metadata_arena.h"
#include "sync/mutex.h"

namespace spanheap {
struct RootRecord;
}  // namespace spanheap

namespace spanheap::collected {

enum class SpecialKind : uint32_t {
  kFree,
  kWeak,
  kFinalizer,
  kDestructLater,
  kDestructAtSweep,
  kCleanup,
  kExternal,
  kQueued,   // of the kinds above, waiting to be run; `was` says which
  kRunning,  // was queued
  kGivenUp,  // of an object given up by hand, running or about to
};

struct Special {
  Atomic<SpecialKind> kind;
  SpecialKind was = SpecialKind::kFree;
  Special* next = nullptr;    // of the span, the queue, or the free records
  uintptr_t object = 0;       // the object's start; kWeak: the address asked for
  uint64_t id = 0;            // kCleanup; kDestructLater: the attempt that found it dead;
                              // kRunning, kGivenUp: the thread that runs it
  void* function = nullptr;   // what to call; kDestruct...: the layout
  Atomic<uintptr_t> closure;  // kWeak: the handle; kExternal: bytes; kDestruct...: elements
};

class Specials {
 public:
  constexpr Specials() = default;
  void Init(SpanStore& store, LayoutTable& layouts, MetadataArena& metadata) {
    store_ = &store;
    layouts_ = &layouts;
    metadata_ = &metadata;
  }

  // --- Facts. `object` is found and its span swept; the marker is the caller's, empty. ---
  // A second finalizer replaces the first; a null function takes it away.
  bool SetFinalizer(ObjectRef object, void* function, uintptr_t closure, Marker* marking);
  bool SetDestructor(ObjectRef object, sh_layout& layout, size_t count);
  uint64_t AddCleanup(ObjectRef object, void* function, uintptr_t closure, Marker* marking);
  bool StopCleanup(ObjectRef object, uint64_t id);
  // The handle of the address; `handle` becomes it if there is none yet.
  uintptr_t WeakHandle(ObjectRef object, uintptr_t address, uintptr_t handle, Marker* marking);
  // Bytes held elsewhere, in all; `bytes` becomes what they have changed by. False: no memory.
  bool AdjustExternal(ObjectRef object, int64_t& bytes);
  // Those of marked objects among the block's records.
  int64_t ExternalOfMarked(uint32_t block);
  int64_t external_bytes() const { return external_.LoadRelaxed(); }  // relaxed: a statistic

  // --- The collector ---
  // Of the span, which the caller has claimed: marks what is to live once more.
  void Sweep(CollectedSpan& span);
  // Destructors that run later, when nothing is grey, in three steps. Each block is looked at: the
  // dead ones are noted under the attempt's number; returns how many.
  uint64_t Doom(uint32_t block, uint64_t attempt);
  // Nothing was marked since: it holds. The world is stopped.
  void CommitDoomed(uint64_t attempt) NO_THREAD_SAFETY_ANALYSIS {
    doomed_ = attempt;
    has_ended_lives_ = true;
  }
  // The mark is over. The world is stopped.
  void EndMark() NO_THREAD_SAFETY_ANALYSIS { has_ended_lives_ = false; }
  // Their weak handles end, they are queued, and shaded.
  void EndDoomed(uint32_t block, Marker& marker);
  // While marking, when a weak handle of it is asked: true if it has been found dead, though it may
  // not be queued, nor its handles say so; now they do. Else who holds it would hold what is to be
  // destroyed.
  bool EndIfDead(ObjectRef object);
  bool has_destructors() const { return has_destructors_.LoadAcquire() != 0; }  // or had
  // The object is given up by the program: its finalizer is forgotten, all else takes effect now.
  // Returns its destructors, to be run by RunDestructor and given to Finish, linked by `next`; adds
  // to `external` what it held outside of the heap. `is_shared`: others may lie in its slot, unless
  // it has a destructor; what is known of them and of it waits for the slot's end.
  Special* GiveUp(ObjectRef object, bool is_shared, const Mutator* runner, uint64_t& external);
  // A destructor or finalizer of an object of its span waits or runs: it comes upon the object yet.
  bool IsAwaited(ObjectRef object) const {
    return ObjectFinder(*store_).SpanOf(object).waiting.LoadAcquire() != 0;
  }
  static void RunDestructor(const Special& special);
  // Blocks of records are jobs; shades what they hold, returns false when there is no such block.
  bool MarkBlock(uint32_t block, Marker& marker);
  // Calls `root` for what the records keep alive and `contents` for objects whose contents they do.
  // The world is stopped.
  template <class Root, class Contents>
  void ForEachRoot(Root&& root, Contents&& contents) const NO_THREAD_SAFETY_ANALYSIS {
    for (uint32_t b = 0; b < block_count(); ++b) {
      for (const Special& special : blocks_[b]->records) VisitOne(special, root, contents);
    }
  }
  uint32_t block_count() const { return block_count_.LoadAcquire(); }
  // No fact more can be noted, however much memory there is.
  bool IsFull() {
    MutexLock lock(mutex_);
    return free_ == nullptr && block_count() >= most_blocks_;
  }
  void SetMostForTest(uint32_t facts) { most_blocks_ = facts / kPerBlock; }
  static uint32_t most() { return kMostBlocks * kPerBlock; }

  // --- Running ---
  // The next thing to run, or null. It is a root until Finish.
  Special* TakeQueued(const Mutator* runner);
  // While marking what it held is shaded, for who has run it may have put that elsewhere.
  void Finish(Special* special, Marker* marking);
  // Called when something was queued, inside a section.
  void SetWakeUp(void (*wake)(void*), void* argument) {
    wake_ = wake;
    wake_argument_ = argument;
  }
  uint64_t queued() const { return queued_.LoadAcquire(); }  // since the start
  uint64_t run() const { return run_.LoadAcquire(); }
  uint64_t cleanups_queued() const { return cleanups_queued_.LoadAcquire(); }
  uint64_t cleanups_run() const { return cleanups_run_.LoadAcquire(); }
  // What ran on threads that the child does not have counts as run: half of it may have been.
  void ResetInChild(const Mutator* survivor) NO_THREAD_SAFETY_ANALYSIS;

 private:
  friend struct spanheap::RootRecord;  // its layout is described to tools
  // More than address spaces hold, and so little that no sum with it leaves 64 bits. Lower: large
  // devices count as less than they have. Higher: room for such sums goes.
  static constexpr int64_t kMostExternal = int64_t{1} << 50;
  static constexpr uint32_t kPerBlock = 64;
  static constexpr uint32_t kMostBlocks = 1 << 16;  // four million facts
  struct Block {
    Special records[kPerBlock];
  };

  Special* NewLocked() REQUIRES(mutex_);
  bool AddBlockLocked() REQUIRES(mutex_);
  void FreeLocked(Special* special) REQUIRES(mutex_);
  bool HasDestructorLocked(const CollectedSpan& span, uintptr_t object) REQUIRES(mutex_);
  Special* FindLocked(const CollectedSpan& span, uintptr_t object, SpecialKind kind)
      REQUIRES(mutex_);
  Special* AttachLocked(ObjectRef object, SpecialKind kind, void* function, uintptr_t closure)
      REQUIRES(mutex_);
  void UnlinkLocked(CollectedSpan& span, const Special* special) REQUIRES(mutex_);
  // The span's last fact is gone.
  static void NoteNoneLocked(CollectedSpan& span);
  void QueueLocked(Special* special) REQUIRES(mutex_);
  void AddWaitingLocked(const Special& special, int32_t change) REQUIRES(mutex_);
  static void BeginRunning(Special& special, SpecialKind kind, const Mutator* runner);
  void FinishLocked(Special* special) REQUIRES(mutex_);
  template <class Wanted, class Act>
  void TakeOutLocked(CollectedSpan& span, Wanted&& wanted, Act&& act) REQUIRES(mutex_);
  bool IsMarked(ObjectRef object) const;
  bool HasFinalizerLocked(ObjectRef object) REQUIRES(mutex_);
  bool IsDoomedLocked(const Special& special) const REQUIRES(mutex_);
  void EndDoomedOfLocked(CollectedSpan& span, Marker& marker) REQUIRES(mutex_);
  void TakeEffectLocked(Special* special) REQUIRES(mutex_);
  Special* TakeDead(CollectedSpan& span);
  void ShadeFor(const Special& special, Marker& marker) const;
  template <class Root, class Contents>
  static void VisitOne(const Special& special, Root&& root, Contents&& contents) {
    const SpecialKind kind = special.kind.LoadAcquire();
    const bool waits = kind >= SpecialKind::kQueued;
    const SpecialKind what = waits ? special.was : kind;
    const bool has_closure = what == SpecialKind::kWeak || what == SpecialKind::kCleanup ||
                             what == SpecialKind::kFinalizer;
    if (has_closure) root(special.closure.LoadAcquire());
    if (what != SpecialKind::kFinalizer && what != SpecialKind::kDestructLater) return;
    if (waits) {
      root(special.object);
    } else if (what == SpecialKind::kFinalizer) {
      contents(special.object);
    }
  }
  ObjectRef ObjectOf(uintptr_t address) const { return ObjectFinder(*store_).Find(address); }

  SpanStore* store_ = nullptr;  // const after Init
  LayoutTable* layouts_ = nullptr;
  MetadataArena* metadata_ = nullptr;
  void (*wake_)(void*) = nullptr;
  void* wake_argument_ = nullptr;
  Mutex mutex_{LockRank::kSpecials};
  uint32_t most_blocks_ = kMostBlocks;  // constant but for tests
  Special* free_ GUARDED_BY(mutex_) = nullptr;
  Special* first_queued_ GUARDED_BY(mutex_) = nullptr;  // oldest first
  Special* last_queued_ GUARDED_BY(mutex_) = nullptr;
  uint64_t next_id_ GUARDED_BY(mutex_) = 1;
  uint64_t doomed_ GUARDED_BY(mutex_) = 0;  // the last attempt that held
  // In this mark: what is not marked by then is dead.
  bool has_ended_lives_ GUARDED_BY(mutex_) = false;
  Atomic<uint32_t> has_destructors_;
  Block** blocks_ = nullptr;  // written under mutex_; entries below block_count_ are constant
  Atomic<uint32_t> block_count_;
  Atomic<int64_t> external_;
  Atomic<uint64_t> queued_;
  Atomic<uint64_t> run_;
  Atomic<uint64_t> cleanups_queued_;
  Atomic<uint64_t> cleanups_run_;
};

}  // namespace spanheap::collected
