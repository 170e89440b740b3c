// SPDX-License-Identifier: MIT
//
// HugePagePolicy: when to ask the system for huge pages. Arithmetic over facts that others gather.
//
// Idea.       A huge page halves the price of first touch, but makes all of its 2 MiB resident at
//             the first byte, and the kernel may stop the program to find one. So a step of growth
//             is advised only where what lies below it was filled up, only while memory is
//             plentiful, and only as long as the pages come quickly. Everything else stays
//             ordinary, where the system makes huge pages unasked by saying so.
// Picture.    grown   | 16 MiB ordinary | 32 huge | 32 huge | 32 huge | 4 ordinary | 32 huge | ...
//                      its last part and each later ordinary one show how full pages get: of
//                      huge pages nobody can tell
// Threads.    No state.
// Go.         Go asks for none since 1.21.4: its advice met memory under pressure and stalled.
// Tests.      tests/policy/huge_page_policy_test.cc, with each setting of the system simulated.
#pragma once

#include <cstdint>

#include "base/units.h"

namespace spanheap {

enum class HugePageMode : uint8_t {
  kAuto,
  kOff,    // none, also where the system gives them unasked
  kEager,  // wherever the heap grows, from the first byte on
};

enum class HugePageAdvice : uint8_t {
  kNone,      // nothing need be said
  kOrdinary,  // forbid them
  kHuge,      // ask for them
};

struct HugePagePolicy {
  // What a process of few megabytes grows to without. Lower gains earlier, and costs a larger share
  // of a small process when the last huge page stays half empty.
  static constexpr Bytes kOrdinaryStart = 16_MiB;
  // The least to advise at once: the number of mappings is the heap's size over this.
  static constexpr Bytes kStep = 32_MiB;
  // Resident share of what was grown and filled: below it huge pages cost more than they save.
  static constexpr unsigned kDensePercent = 96;
  // Huge steps between two ordinary ones that show how full pages get.
  static constexpr unsigned kStepsPerSample = 4;
  static constexpr Bytes kLongestSample = 8_MiB;
  // How long the first touch of one huge page may take, and how long to do without after slower
  // ones or after memory was short.
  static constexpr uint64_t kSlowTouch_ns = 1'000'000;
  // So long a wait is too long by itself: whether it was an accident is found out at once.
  static constexpr uint64_t kStalledTouch_ns = 8'000'000;
  static constexpr uint64_t kPause_ns = 60'000'000'000;

  struct System {
    bool has_huge_pages = false;  // on advice at least
    bool gives_unasked = false;
  };

  // What to say about memory that is not to be huge.
  static constexpr HugePageAdvice Otherwise(System system) {
    return system.gives_unasked ? HugePageAdvice::kOrdinary : HugePageAdvice::kNone;
  }
  // Facts that cost nothing to know: false rules huge pages out.
  static bool MayAsk(HugePageMode mode, System system, uint64_t now_ns, uint64_t paused_until_ns);
  // Whether the next step of a heap of `grown` bytes is to show how full pages get: ordinary and no
  // longer than it must be. A request too long for that waits for none.
  static bool IsSampleDue(unsigned huge_steps, Bytes needed) {
    return huge_steps >= kStepsPerSample && needed <= kLongestSample;
  }
  static bool IsDense(Bytes resident, Bytes of) {
    return of.value != 0 && resident.value >= of.value / 100 * kDensePercent;
  }
  // False: a pause begins.
  static bool IsPlentiful(Bytes free, Bytes total, bool has_pressure, Bytes step);
  // The same of what the heap's own limit leaves. Nobody waits for that memory, and what it counts
  // is what is mapped, touched or not: the limit is kept in any case.
  static bool HasRoom(Bytes left, Bytes step);
  static bool IsFast(uint64_t touch_ns) { return touch_ns < kSlowTouch_ns; }
  // What follows from the first touch of a huge page, the one tried before was slow or not. One
  // slow page is an accident (of the machine below a virtual one, often), two are not. The second
  // is the next step's: two in a row would be twice the wait for one caller.
  enum class Trial : uint8_t { kKeep, kTryAnother, kGiveUp };
  static Trial Judge(uint64_t touch_ns, bool was_slow);
};

}  // namespace spanheap
