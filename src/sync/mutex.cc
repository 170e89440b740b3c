// SPDX-License-Identifier: MIT
#include "sync/mutex.h"

#include "base/check.h"
#include "base/platform.h"
#include "os/futex.h"
#include "sync/core_section.h"

namespace spanheap {

SPANHEAP_TOUCHED_AT_START constinit Atomic<bool> is_alone{false};

namespace {

// Spinning pays while a holder on another core is in a critical section of tens of nanoseconds.
constexpr int kSpins = 60;

// Ranks held by this thread, a bit each. A template: it exists only where it is used, so builds
// without debug checks have no thread-local variable here.
template <bool kChecked>
constinit thread_local uint32_t held_ranks = 0;

uint32_t BitOf(LockRank rank) {
  return uint32_t{1} << (static_cast<int>(rank) - static_cast<int>(LockRank::kReport));
}

}  // namespace

void Mutex::LockSlow() {
  for (int i = 0; i < kSpins; ++i) {
    // Relaxed: only a hint whether trying is worth it; the exchange below orders.
    if (word_.LoadRelaxed() == kFree) {
      uint32_t expected = kFree;
      if (word_.CompareExchangeStrong(expected, kHeld)) return;
    }
    os::SpinHint();
  }
  while (word_.Exchange(kHeldWithSleepers) != kFree) {
    os::FutexWait(word_, kHeldWithSleepers);
  }
}

void Mutex::WakeSlow() { os::FutexWakeOne(word_); }

void Mutex::NoteLocking() {
  if constexpr (kDebugChecks) {
    if (rank_ > LockRank::kThreadBlock) CoreSection::CheckInside();
    SPANHEAP_CHECK(held_ranks<kDebugChecks> < BitOf(rank_) && "locks must be taken in rank order");
    held_ranks<kDebugChecks> |= BitOf(rank_);
  }
}

void Mutex::NoteUnlocked() {
  if constexpr (kDebugChecks) {
    SPANHEAP_CHECK((held_ranks<kDebugChecks> & BitOf(rank_)) != 0);
    held_ranks<kDebugChecks> &= ~BitOf(rank_);
  }
}

}  // namespace spanheap
