// SPDX-License-Identifier: MIT
//
// CentralList: the partly used spans of one size class that no thread holds.
//
// Idea.       Four queues by how full a span was when it was put in; refills take from the fullest
//             queue, and within it the lowest address, so that emptier spans get a chance to
//             become empty. Four more, taken from last, for spans whose free slots all lie on
//             pages that went back to the OS: memory that is there is used before new memory. A
//             span that becomes empty while it waits is taken out and given back by the thread
//             that freed the last slot.
// Invariants. A span is linked here if and only if its `link` names this class; linked spans are
//             `listed` in their ownership word.
// Threads.    Any; one short lock.
// Go.         mcentral.go partial sets; here sorted, and without sweep generations.
// Tests.      tests/spans/central_list_test.cc.
#pragma once

#include "base/annotations.h"
#include "base/platform.h"
#include "spans/span_queue.h"
#include "spans/span_table.h"
#include "sync/mutex.h"

namespace spanheap {

class alignas(2 * kCacheLine) CentralList {
 public:
  constexpr CentralList() = default;

  // Takes the best span out; it is held by the caller. Null if there is none.
  Span* Take(const SpanTable& table);
  // Puts in a span whose ownership word says `listed`; `backed`: a free slot of it touches no hole.
  // False: it became empty in the meantime; it is held by the caller then, who gives its pages
  // back.
  [[nodiscard]] bool Put(const SpanTable& table, Span* span, bool backed);
  // After a return made `span` of class `malloc_class` empty while it was listed: takes it out if
  // that is still so. True: it is held by the caller, who gives its pages back.
  bool TakeIfEmpty(const SpanTable& table, Span* span, unsigned malloc_class);

  // Takes `span` out wherever it is, if it is listed here: it is held by the caller.
  bool TakeThis(const SpanTable& table, Span* span, unsigned malloc_class);

  uint64_t span_count() const {
    return counts_.LoadRelaxed() % kOneBacked;
  }  // relaxed: a statistic
  // A span with a backed free slot waits here. Relaxed: a hint to who could do with another.
  bool has_backed() const { return counts_.LoadRelaxed() >= kOneBacked; }
  void ResetInChild() { mutex_.ResetInChild(); }

 private:
  static constexpr unsigned kFills = 4;            // 0: at least 3/4 full ... 3: less than 1/4 full
  static constexpr unsigned kQueues = 2 * kFills;  // the second half: no free slot is backed

  static constexpr uint64_t kOneBacked = uint64_t{1} << 32;

  static unsigned FillOf(const Span& span);
  static uint64_t CountIn(unsigned queue) { return queue < kFills ? kOneBacked + 1 : 1; }
  void NoteUnlinkedLocked(Span* span, unsigned queue) REQUIRES(mutex_);

  Mutex mutex_{LockRank::kCentralList};
  SpanQueue queues_[kQueues] GUARDED_BY(mutex_);
  // Spans in all queues, and those of the first half in the upper word. Written under mutex_.
  Atomic<uint64_t> counts_;
};

}  // namespace spanheap
