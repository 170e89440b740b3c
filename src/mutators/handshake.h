// SPDX-License-Identifier: MIT
//
// Handshake: one thread's wish to hold others still, from asking to having.
//
// Idea.    Ask sends a signal to a thread that runs and claims one that is parked. Whoever makes a
//          thread held - the thread itself in its handler, at the end of a StopDelay or where it
//          looks, or the asker who claims it - counts it down. The asker sleeps until the count is
//          0 and repeats signals that seem lost; after a second it names the threads it still waits
//          for. A thread that allocates looks every microsecond or so (PollStop), which is a tenth
//          of what a signal takes: where all that are asked may have a processor, signals are sent
//          a little later.
//          A stop takes some ten microseconds, falling asleep and being woken up as long again: so
//          the asker and who is stopped spin first, where each of them may have a processor, and
//          nobody is woken who does not sleep.
// Threads. A handshake belongs to the asker, who must not be a running mutator: it would wait for
//          threads that may wait for it. It is parked (BlockingRegion) or no mutator at all.
// Cost.    One tgkill for each running thread that does not look; nothing for parked ones.
#pragma once

#include <cstdint>

#include "base/atomic.h"
#include "mutators/mutator.h"

namespace spanheap {

class Handshake {
 public:
  // With `wakes_each`, AwaitSome returns after each thread, not only after the last.
  explicit Handshake(bool wakes_each = false);
  Handshake(const Handshake&) = delete;
  Handshake& operator=(const Handshake&) = delete;

  // Waits until nobody else holds `target`, and keeps others from holding it. Before Ask.
  static void Reserve(Mutator& target);
  void Ask(Mutator& target);
  // The same in two steps, for several: the first sends nothing yet.
  void Request(Mutator& target);
  template <class ForEach>
  void Urge(const ForEach& for_each) {
    if (!AwaitPolls()) for_each([this](Mutator& target) { Signal(target); });
  }
  // True once `target`, which was asked, is held.
  static bool IsHeld(const Mutator& target);
  // The same as Reserve, but false if somebody else holds it.
  static bool TryReserve(Mutator& target);
  // Returns once every thread asked is held. `for_each(f)` calls f for each of them.
  template <class ForEach>
  void AwaitAll(const ForEach& for_each) {
    while (missing() != 0) AwaitSome(for_each);
  }
  // Sleeps until another thread has stopped, for a while at most, and repeats lost signals.
  template <class ForEach>
  void AwaitSome(const ForEach& for_each) {
    if (missing() == 0 || AwaitChange(patience_ns_)) return;
    LosePatience();
    for_each([this](Mutator& target) { Remind(target); });
  }
  // Spins, and then sleeps, until another thread has stopped, so long at most. False: none has.
  bool AwaitChange(uint64_t longest_ns);
  // The thread may go on; it is woken by WakeReleased only.
  static void Release(Mutator& target);
  static void WakeReleased();
  // After a fork, before anybody is released: of those who slept `self` alone is there, if it has
  // forked in a handler meanwhile.
  static void ResetInChild(const Mutator* self);

  // By whoever made a thread held.
  void CountDown();

  uint32_t missing() const { return missing_.LoadAcquire() & ~kSleeps; }
  // The asker and all that have not answered may run at a time. By the asker, or by who has not
  // counted itself down.
  bool LetsSpin() const { return missing() < processors_; }

 private:
  static bool TryClaim(Mutator& target);
  // True: all have answered.
  bool AwaitPolls() const;
  bool HasAnswered(Mutator& target) const;
  void Signal(Mutator& target);
  void LosePatience();
  void Remind(Mutator& target);
  void Complain(const Mutator& target);

  static constexpr uint32_t kSleeps = 1u << 31;

  const bool wakes_each_;
  const uint32_t processors_;
  Atomic<uint32_t> missing_;  // threads; and kSleeps: the asker does, or is about to
  uint64_t asked_ns_ = 0;
  // A stop takes microseconds. If nobody stops for so long, signals are sent again; then after
  // twice as long, and so on: on a busy machine they were only late.
  uint64_t patience_ns_ = 100'000;
  bool complains_ = false;  // those that are missing now are named
  bool has_complained_ = false;
};

// Writes down the registers that calls preserve and all frames below `frame`.
void SaveFramesBelow(const void* frame, SavedFrames& out);
// For the thread itself: waits as long as somebody wants to hold it. In the handler (with a
// context) or with the registers on the stack.
void StopHere(Mutator& self, void* context, uintptr_t stack_pointer);
// Running -> parked, with `frame` the first address whose content outlives the call.
void Park(Mutator& self, const void* frame);
// Parked -> running; waits while held.
void Unpark(Mutator& self);

}  // namespace spanheap
