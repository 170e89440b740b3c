// SPDX-License-Identifier: MIT
//
// Options: what a user may set about the heap, and the four places where it can be said.
//
// Idea.    One table in options.cc names each option, its field, how text becomes its value and
//          back. Later places win: /etc/spanheap.conf, the program's symbol
//            const char* spanheap_conf = "name=value,...";
//          the environment variable SPANHEAP="name=value,...", a call at run time.
// Threads. Load once, before others look. A number set at run time is one store: other threads may
//          see the old one for a while. Texts are read at the process's end only; limits are two
//          numbers, and are read by who sets one.
// Fails.   Bad values and unknown names are skipped with one line on stderr each; an unknown name
//          that stands in several places is named once. A process with more rights than its user
//          takes nothing from its environment.
// Cost.    No allocation. Load reads one file (usually absent) and the environment.
// Tests.   tests/runtime/options_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/units.h"
#include "policy/huge_page_policy.h"
#include "policy/memory_limit.h"
#include "policy/pace_rules.h"

namespace spanheap {

enum class ForeignPointer : uint8_t { kAbort, kIgnore };
enum class ZeroRealloc : uint8_t { kFree, kAbort };
enum class StatsAt : uint8_t { kNever, kExit };

// How pages go back: at once (MADV_DONTNEED), or when the kernel is short (MADV_FREE).
enum class ReleaseBy : uint8_t { kDontNeed, kFree };
enum class Switch : uint8_t { kOff, kOn };
enum class Sticky : uint8_t { kOff, kOn, kAuto };

enum class OptionResult : uint8_t { kDone, kUnknownName, kBadValue, kAtStartOnly };

struct Options {
  static constexpr size_t kTextCapacity = 256;

  // verify=0..3: 0 and 1 check what costs nothing; 2 checks every free at the call; 3 also checks
  // the whole heap when the process ends.
  uint32_t verify = 1;
  // foreign=abort|ignore: freeing a pointer that is not of this heap.
  ForeignPointer foreign = ForeignPointer::kAbort;
  // zero_realloc=free|abort: realloc(p, 0) frees, or is taken for a mistake.
  ZeroRealloc zero_realloc = ZeroRealloc::kFree;
  // reserve=SIZE: address space to reserve at start; 0: as much as is sensible.
  Bytes reserve{0};
  // hugepages=auto|off|eager: ask for huge pages where they pay; never; wherever the heap grows.
  HugePageMode hugepages = HugePageMode::kAuto;
  // sample=SIZE: one in so many allocated bytes gets a block with a record of its own, on average;
  // 0: none. Of threads that begin under it; these follow a change at their next sample.
  Bytes sample{0};
  // memlimit=SIZE|PERCENT%|off: the soft limit; the heap gives free memory back to stay below it. A
  // percentage is of what the control groups, or the machine, allow.
  policy::MemoryAmount memlimit;
  // hardlimit=SIZE|PERCENT%|off: above it allocations fail.
  policy::MemoryAmount hardlimit;
  // minheap=SIZE: so much is never given back, once it was used, unless a limit asks for it; nor
  // is a smaller heap collected.
  Bytes minheap{0};
  // stats=never|exit: the report as text on stderr when the process ends.
  StatsAt stats = StatsAt::kNever;
  // stats_json=PATH: the report as JSON into this file when the process ends; empty: none.
  char stats_json[kTextCapacity] = {};
  // stats_pid=PID: only this process writes at its end, not its children; 0: each does.
  uint32_t stats_pid = 0;

  // gogc=N|off: by how many hundredths of what lives the collected heap may grow before a cycle
  // ends, 85: by 50 where it gets larger than ever; off: cycles by call only. Read when that heap
  // starts.
  static constexpr uint32_t kGogcOff = ~uint32_t{0};
  uint32_t gogc = policy::kDefaultPercent;
  // gctrace=0|1|2: a line on stderr for each cycle of the collected heap; 2: and one of the pacer.
  uint32_t gctrace = 0;
  // sticky=auto|on|off: marks may outlive their cycle, so that the next one marks what is new only:
  // where that seems to pay, wherever it can be, never. At the start only.
  Sticky sticky = Sticky::kAuto;

  // background=on|off: a thread of the heap's own may give memory back; else slow paths do it.
  Switch background = Switch::kOn;
  // release=dontneed|free: how the OS is told that pages are not needed. At the start only.
  ReleaseBy release = ReleaseBy::kDontNeed;

  // Reads all places but the calls.
  void Load();
  // "name=value,name=value": white space and line ends separate as commas do, # hides a line's
  // rest. `where` is named in warnings.
  void LoadText(const char* text, size_t size, const char* where);
  // One option at run time.
  OptionResult Set(const char* name, const char* value);
  // The value as Set would take it, cut to `capacity` with its closing zero. False: no such option.
  bool Get(const char* name, char* value, size_t capacity) const;

  // Names that were unknown, as hashes: each is warned of once.
  static constexpr unsigned kMostWarned = 8;
  uint32_t warned[kMostWarned] = {};
};

// The process's options. Constant-initialised.
extern Options options;

}  // namespace spanheap
