// SPDX-License-Identifier: MIT
//
// What the system says about huge pages, and how much memory it has to spare for them.
//
// Threads. Any. Reads files with raw system calls; nothing is kept here.
// Fails.   What cannot be read counts as its quietest value: no huge pages, no pressure, no memory.
// Tests.   tests/os/huge_page_settings_test.cc.
#pragma once

#include "base/units.h"

namespace spanheap::os {

// /sys/kernel/mm/transparent_hugepage, one file each.
struct HugePageSettings {
  enum class Use : uint8_t { kNever, kOnAdvice, kAlways };

  Bytes size;  // 0: none that a heap can use
  Use use = Use::kNever;

  bool are_possible() const { return size.value != 0 && use != Use::kNever; }
  // The kernel makes huge pages wherever nobody forbids it.
  bool come_unasked() const { return are_possible() && use == Use::kAlways; }
};
// kNever, too, for a process whose PR_SET_THP_DISABLE is set.
HugePageSettings ReadHugePageSettings();

// The word in brackets of a text such as "always [madvise] never".
HugePageSettings::Use ParseHugePageUse(const char* text, size_t size);

// Of the machine, or of the control groups of this process where they allow less.
struct MemoryState {
  Bytes total;
  // Used for nothing. What caches files is not free (MemAvailable counts it): who takes it waits
  // until it is reclaimed, and of a huge page that wait is the first touch.
  Bytes free;
  // Some task waited for memory in the last ten seconds (/proc/pressure/memory, memory.pressure of
  // the group). Kernels without these files are judged by `free` alone.
  bool has_pressure = false;
};
MemoryState ReadMemoryState();
struct GroupState;
// The least of both.
MemoryState WithinGroups(MemoryState state, const GroupState& groups);

// What a pressure file says (ParsePressure); false where there is none.
bool ReadPressure(const char* path);
// True if the "some" line of a pressure file says more than 0.00 for the last ten seconds.
bool ParsePressure(const char* text, size_t size);

}  // namespace spanheap::os
