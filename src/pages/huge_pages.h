// SPDX-License-Identifier: MIT
//
// HugePages: asks the OS for huge pages on behalf of whoever is about to use fresh memory.
//
// Idea.       policy/huge_page_policy.h decides; this class gathers the facts (settings, free
//             memory, the time a first touch takes) and gives the advice. Where the system makes
//             huge pages unasked, memory that is not to have them is told so. HugeGrowth is the
//             page heap's part of it: which steps of its growth are worth asking for.
//             The settings are a file: a small heap does without, and forbids what comes unasked.
// Invariants. Advice is given before first touch, over whole units, never on memory in use. Nothing
//             here collapses pages.
// Threads.    HugePages: any, no lock held that others wait for: each call may be system calls.
//             Two threads may both find memory plentiful, or both begin a pause. HugeGrowth: the
//             owner's lock for growth.
// Fails.      A refused advice leaves ordinary pages, and a pause begins.
// Cost.       A growth step that is asked for: which pages of 4 MiB are resident, one file read,
//             one advice, and the first touch of a page that its taker would have touched next.
// Tests.      tests/pages/huge_pages_test.cc.
#pragma once

#include "base/atomic.h"
#include "base/units.h"
#include "os/memory.h"
#include "pages/memory_gauge.h"
#include "policy/huge_page_policy.h"

namespace spanheap {

class HugePages {
 public:
  using Clock = uint64_t (*)();
  using AskSettings = os::HugePageSettings (*)();

  constexpr HugePages() = default;
  // Once, before others look. Settings that are not given are asked for when needed; a huge page
  // has `size` bytes, 0: a size that is no use.
  void Init(os::Memory& memory, const os::HugePageSettings& settings, Clock now_ns);
  void Init(os::Memory& memory, Bytes size, AskSettings ask, Clock now_ns);
  // What counts against which limits: huge pages are asked for where there is room below these.
  void SetGauge(const MemoryGauge& gauge) { gauge_ = &gauge; }  // once, as Init
  // At any time; what was advised before stays so.
  void SetMode(HugePageMode mode);

  HugePageMode mode() const;
  // A huge page; 0: none can be had. May read the settings.
  Bytes Unit() { return System().has_huge_pages ? size_ : Bytes(0); }

  // Whether `step` bytes of fresh memory may be asked for now; the caller knows they will be full.
  bool MayAdvise(Bytes step);
  // Asks for huge pages in the range. From `fresh` on, if it is not Address(), the range is ready
  // and untouched, to be tried. False: refused or slow, the range is to have ordinary pages.
  bool Advise(Address start, Bytes size, Address fresh);
  // Asks for one huge page of fresh memory and touches it, however long that takes: nobody waits.
  // False: refused.
  bool TouchOne(Address start);
  // Says so where that is needed.
  void LeaveOrdinary(Address start, Bytes size);

  // Statistics.
  Bytes advised() const { return Bytes(advised_.LoadRelaxed()); }
  uint64_t pauses() const { return pauses_.LoadRelaxed(); }

 private:
  // What is known of the settings, in one word.
  static constexpr uint8_t kAsked = 1;
  static constexpr uint8_t kPossible = 2;
  static constexpr uint8_t kUnasked = 4;

  HugePagePolicy::System System();
  uint8_t Note(const os::HugePageSettings& settings);
  bool IsPlentiful(Bytes step) const;
  bool PassesTrial(Address fresh, Address end);
  void Pause();

  os::Memory* memory_ = nullptr;  // these five: constant after Init
  const MemoryGauge* gauge_ = nullptr;
  Clock now_ns_ = nullptr;
  AskSettings ask_ = nullptr;
  Bytes size_;
  Atomic<uint8_t> settings_;
  Atomic<uint8_t> mode_;
  Atomic<bool> was_slow_;  // the last page that was tried
  Atomic<uint64_t> paused_until_ns_;
  Atomic<uint64_t> advised_;
  Atomic<uint64_t> pauses_;
};

class HugeGrowth {
 public:
  constexpr HugeGrowth() = default;
  // Null: nothing is ever said.
  void Init(os::Memory& memory, HugePages* pages);

  enum class Step : uint8_t {
    kUsual,
    kSample,  // ordinary, and no longer than it must be: it shows how full pages get
    kHuge,    // to be asked for: HugePagePolicy::kStep or more
  };
  // What the next step of a heap of `grown` bytes is to be, where `needed` bytes must be had and
  // `usual` would be.
  Step Next(Bytes grown, Bytes needed, Bytes usual);
  // The step is ready and nobody uses it yet. True: huge pages were asked for.
  bool Apply(Step step, Address start, Bytes size);
  // The same, but huge pages will be asked for one by one.
  void ApplyLater(Address start, Bytes size);
  // Whether that may be: `eager` has them all at once.
  bool MayApplyLater() const { return pages_ != nullptr && pages_->mode() == HugePageMode::kAuto; }

 private:
  bool IsSampleDense() const;

  os::Memory* memory_ = nullptr;
  HugePages* pages_ = nullptr;
  struct Sample {
    Address start;  // the low end of an ordinary step
    Bytes size;
  };
  Sample last_;    // of the last one
  Sample before_;  // of the one before: by the next growth even its spans are mostly in use
  unsigned huge_steps_ = 0;  // since the last one
};

}  // namespace spanheap
