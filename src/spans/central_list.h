// SPDX-License-Identifier: MIT
//
// CentralList: the partly used spans of one size class that no thread holds.
//
// Idea.       Four queues by how full a span was when it was put in; refills take from the fullest
//             queue, and within it the lowest address, so that emptier spans get a chance to
//             become empty. A span that becomes empty while it waits is taken out and given back
//             by the thread that freed the last slot.
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
  // Puts in a span whose ownership word says `listed`. False: it became empty in the meantime; it
  // is held by the caller then, who gives its pages back.
  [[nodiscard]] bool Put(const SpanTable& table, Span* span);
  // After a return made `span` of class `malloc_class` empty while it was listed: takes it out if
  // that is still so. True: it is held by the caller, who gives its pages back.
  bool TakeIfEmpty(const SpanTable& table, Span* span, unsigned malloc_class);

  // Takes `span` out wherever it is, if it is listed here: it is held by the caller.
  bool TakeThis(const SpanTable& table, Span* span, unsigned malloc_class);

  uint64_t span_count() const { return count_.LoadRelaxed(); }  // relaxed: a statistic
  void ResetInChild() { mutex_.ResetInChild(); }

 private:
  static constexpr unsigned kQueues = 4;  // 0: at least 3/4 full ... 3: less than 1/4 full

  static unsigned QueueFor(const Span& span);
  void NoteUnlinkedLocked(Span* span) REQUIRES(mutex_);

  Mutex mutex_{LockRank::kCentralList};
  SpanQueue queues_[kQueues] GUARDED_BY(mutex_);
  Atomic<uint64_t> count_;  // written under mutex_
};

}  // namespace spanheap
