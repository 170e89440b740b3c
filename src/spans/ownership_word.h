// SPDX-License-Identifier: MIT
//
// OwnershipWord: one atomic word that says how many slots of a span are free and who looks after
// it.
//
// Idea.       The slots themselves are bits elsewhere. Bits and count are two atomics, so their
//             order matters: whoever takes slots lowers the count first and then sets bits; whoever
//             returns slots clears bits first and then raises the count. So the count never
//             promises a slot whose bit is still set. The same compare-exchange that raises the
//             count decides what becomes of the span; two threads can never both decide.
// Picture.    full, free = 0 --return--> listed --pop--> held --drop--> full | listed | released
//             held: one thread takes slots from it. listed: it waits in its class's central list.
//             neither: it is full and nobody looks at it until a slot comes back.
// Invariants. count <= clear bits at all times. Not both held and listed. A span that is neither
//             has count 0, or the thread whose call returned kList/kRelease is about to act.
// Threads.    Take and Drop: the holder. Return: anyone. PopToHeld: under the list lock.
// Cost.       One compare-exchange a call; a load and a store while one thread may come in.
// Tests.      tests/model_check explores all interleavings of three threads on this protocol and on
//             broken variants of it.
#pragma once

#include <cstdint>

#include "base/atomic.h"
#include "base/check.h"
#include "sync/alone.h"

namespace spanheap {

class OwnershipWord {
 public:
  enum class Next {
    kNothing,  // somebody else looks after the span: do not touch it again
    kList,     // `listed` is set: the caller puts it into the central list
    kRelease,  // `held` is set and all slots are free: the caller gives its pages back
  };

  // A new span: all slots free, in the caller's hands.
  void Begin(uint32_t slots) { word_.StoreRelease(kHeld | slots); }
  // The record is no span any more.
  void End() { word_.StoreRelease(0); }

  // The holder takes up to `want` slots off the count; it sets that many bits afterwards.
  uint32_t Take(uint32_t want) {
    uint64_t seen = word_.LoadAcquire();
    while (true) {
      const uint32_t k = FreeOf(seen) < want ? FreeOf(seen) : want;
      if (k == 0) return 0;
      if (Replace(seen, seen - k)) return k;
    }
  }

  // `k` slots whose bits the caller has cleared come back to a span of `slots` slots.
  Next Return(uint32_t k, uint32_t slots) {
    uint64_t seen = word_.LoadAcquire();
    while (true) {
      const uint32_t free = FreeOf(seen) + k;
      SPANHEAP_CHECK(free <= slots);
      Next next = Next::kNothing;
      uint64_t flags = seen & (kHeld | kListed);
      if (flags == 0) Decide(free, slots, next, flags);
      if (Replace(seen, flags | free)) return next;
    }
  }

  // The same for one slot while one thread may come in, when nothing follows from it: somebody
  // looks after the span already, and it does not become empty. False: nothing has changed, use
  // Return.
  bool TryReturnOneAlone(uint32_t slots) {
    const uint64_t seen = word_.LoadRelaxed();  // relaxed: this is the only thread
    if (seen < kHeld || FreeOf(seen) + 1 >= slots) return false;
    word_.StoreRelaxed(seen + 1);  // relaxed: likewise
    return true;
  }

  // The holder lets go. kNothing: the span was full.
  Next Drop(uint32_t slots) {
    uint64_t seen = word_.LoadAcquire();
    while (true) {
      Next next = Next::kNothing;
      uint64_t flags = 0;
      const uint32_t free = FreeOf(seen);
      if (free > 0) Decide(free, slots, next, flags);
      if (Replace(seen, flags | free)) return next;
    }
  }

  // The list side, its lock held, the span unlinked: it is the caller's to hold.
  void PopToHeld() {
    uint64_t seen = word_.LoadAcquire();
    do {
      SPANHEAP_CHECK((seen & kListed) != 0);
    } while (!Replace(seen, (seen & ~kListed) | kHeld));
  }

  bool is_listed_and_empty(uint32_t slots) const {
    return word_.LoadAcquire() == (kListed | slots);
  }
  uint32_t free_count() const { return FreeOf(word_.LoadAcquire()); }
  bool is_held() const { return (word_.LoadAcquire() & kHeld) != 0; }
  bool is_listed() const { return (word_.LoadAcquire() & kListed) != 0; }

 private:
  static constexpr uint64_t kHeld = uint64_t{1} << 62;
  static constexpr uint64_t kListed = uint64_t{1} << 63;

  bool Replace(uint64_t& seen, uint64_t next) {
    if (!IsAlone()) return word_.CompareExchange(seen, next);
    // `seen` may be older than being alone: the other thread may have changed the word and left.
    const uint64_t now = word_.LoadRelaxed();  // relaxed: nobody else is there
    if (now == seen) word_.StoreRelaxed(next);
    const bool done = now == seen;
    seen = now;
    return done;
  }
  static uint32_t FreeOf(uint64_t word) { return static_cast<uint32_t>(word); }
  static void Decide(uint32_t free, uint32_t slots, Next& next, uint64_t& flags) {
    const bool empty = free == slots;
    next = empty ? Next::kRelease : Next::kList;
    flags = empty ? kHeld : kListed;
  }

  Atomic<uint64_t> word_;
};

}  // namespace spanheap
