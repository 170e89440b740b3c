// SPDX-License-Identifier: MIT
//
// Runtime: the one place where the rooms are put together into the process's heap.
//
// Idea.       Constant-initialised, so that malloc works before any constructor has run. The first
//             slow path starts it: options, limits, address space. Each member gets what it needs
//             by reference; those with references that the linker fills in, and what a start
//             writes, come first, so that they share pages.
// Invariants. Exactly one exists. It is never torn down.
// Threads.    Start runs once; everything else is as the members say.
// Fails.      Start fails when the OS gives no address space; the next call tries again.
// Go.         malloc.go mallocinit, proc.go.
#pragma once

#include "caches/cache_share.h"
#include "pages/huge_pages.h"
#include "pages/page_heap.h"
#include "runtime/background.h"
#include "runtime/bootstrap.h"
#include "runtime/limits.h"
#include "runtime/process_end.h"
#include "runtime/thread_registry.h"
#include "scavenge/scavenger.h"
#include "spans/large_blocks.h"
#include "spans/metadata_arena.h"
#include "spans/span_heap.h"
#include "sync/core_section.h"
#include "sync/mutex.h"

namespace spanheap {

class Runtime {
 public:
  // What is large and begins as zero is given from outside, so that it is no part of the file.
  constexpr Runtime(SpanLists& lists, ThreadBlock& shared_block, Bootstrap& arena)
      : limits(pages.gauge()),
        cache_share(pages.gauge()),
        scavenger(pages, spans),
        bootstrap(arena),
        spans(pages, lists),
        threads(*this, shared_block),
        background(*this, pages, scavenger),
        process_end(threads) {}

  // True once the heap can be used.
  bool EnsureStarted() { return started_.LoadAcquire() != 0 || Start(); }

  // Fork. Between Before and After no other thread starts the heap or is inside it. (Locked in one
  // function, unlocked in another: the analysis sees one function at a time.)
  void BeforeFork() NO_THREAD_SAFETY_ANALYSIS;
  void AfterForkInParent() NO_THREAD_SAFETY_ANALYSIS;
  void AfterForkInChild() NO_THREAD_SAFETY_ANALYSIS;

  HugePages huge_pages;
  PageHeap pages;
  MetadataArena metadata;
  LargeBlocks large;
  Limits limits;
  CacheShare cache_share;
  Scavenger scavenger;
  CoreGate gate;
  Bootstrap& bootstrap;

 private:
  friend struct RootRecord;  // its layout is described to tools
  SPANHEAP_COLD bool Start();
  bool StartLocked() REQUIRES(start_mutex_);

  Mutex start_mutex_{LockRank::kStartUp};
  bool has_pages_ GUARDED_BY(start_mutex_) = false;
  Atomic<uint32_t> started_;

 public:
  SpanHeap spans;
  ThreadRegistry threads;
  Background background;
  ProcessEnd process_end;
};

// Hidden also for those who only use it: reached without a look into the global offset table.
extern constinit Runtime runtime [[gnu::visibility("hidden")]];
// What the one Runtime is given.
extern constinit SpanLists span_lists [[gnu::visibility("hidden")]];
extern constinit ThreadBlock shared_block [[gnu::visibility("hidden")]];
extern constinit Bootstrap bootstrap_arena [[gnu::visibility("hidden")]];

}  // namespace spanheap
