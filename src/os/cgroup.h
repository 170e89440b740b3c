// SPDX-License-Identifier: MIT
//
// CgroupMemory: how much memory the control groups of this process allow it.
//
// Idea.    Find looks up once where the process stands: its group in each hierarchy
//          (/proc/self/cgroup) and where that hierarchy is mounted (/proc/self/mountinfo). Read
//          then walks from that directory up to the mount and takes the least limit on the way, in
//          version 1 (memory.limit_in_bytes) and version 2 (memory.max), whichever are there: a
//          group is bound by all groups above it. ReadState looks at what they use, too.
// Threads. Find once, before others look; Read by anyone.
// Fails.   Without control groups, without /proc, or where a path is longer than kMaxPath: no
//          limit.
// Cost.    Find: two files. Read: a small file per level, and a system call or three for each;
//          ReadState: two per level.
// Tests.   tests/os/cgroup_test.cc, on made-up trees; tests/faces/malloc/limits_test.py in a real
//          group.
#pragma once

#include <cstddef>

#include "base/units.h"

namespace spanheap::os {

// What a process may still take without its groups having to do something for it.
struct GroupState {
  Bytes limit;  // the least; kUnlimited: none
  Bytes room;   // up to the nearest limit; what the groups use for caching files counts as used
  // Some task of the innermost group waited for memory in the last ten seconds (version 2).
  bool has_pressure = false;
};

class CgroupMemory {
 public:
  static constexpr size_t kMaxPath = 512;

  constexpr CgroupMemory() = default;

  // Where the process stands now. `root` is put before every path (tests have trees of their own).
  void Find(const char* root = "");
  // The least limit on this process; kUnlimited: there is none.
  Bytes Read() const;
  // The same, and what of it is left.
  GroupState ReadState() const;

 private:
  // A group's directory, and how much of its path is the mount's.
  struct Place {
    char path[kMaxPath] = {};
    size_t mount_size = 0;
    const char* file = nullptr;   // of the limit; null: this hierarchy is not there
    const char* usage = nullptr;  // of what is used
  };

  static void Locate(const char* root, bool is_v2, Place& place);
  static GroupState ReadPlace(const Place& place, bool with_usage);

  Place v1_;
  Place v2_;
};

// The machine's memory.
Bytes PhysicalMemory();

}  // namespace spanheap::os
