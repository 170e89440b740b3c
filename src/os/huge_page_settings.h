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

struct MemoryState {
  Bytes total;  // of the machine
  Bytes free;   // used for nothing; what caches files is not free
  // Some task waited for memory in the last ten seconds (/proc/pressure/memory). Kernels without
  // that file are judged by `free` alone.
  bool has_pressure = false;
};
MemoryState ReadMemoryState();

// True if the "some" line of a pressure file says more than 0.00 for the last ten seconds.
bool ParsePressure(const char* text, size_t size);

}  // namespace spanheap::os
