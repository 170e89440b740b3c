// SPDX-License-Identifier: MIT
//
// Residency: which OS pages of a process are in memory now.
//
// Idea.  The kernel is asked for ranges (PAGEMAP_SCAN, Linux 6.7), or page by page where it does
//        not know that call. Pages of the shared zero page count as absent, as they do in RSS; only
//        the newer call can tell them.
// Fails. Nothing is known (is_known) where /proc/PID/pagemap may not be read, and of core files.
// Tests. tests/tools/look_test.cc.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace spanheap::look {

struct AddressSpan {
  uint64_t start;
  uint64_t end;
};

class Residency {
 public:
  Residency() = default;
  // Looks at these stretches, sorted and apart.
  Residency(pid_t pid, const std::vector<AddressSpan>& stretches);

  bool is_known() const { return is_known_; }
  // Resident bytes in [start, end).
  uint64_t BytesIn(uint64_t start, uint64_t end) const { return Sum(resident_, start, end); }
  // Of these, on huge pages; 0 where the kernel cannot tell.
  uint64_t HugeBytesIn(uint64_t start, uint64_t end) const { return Sum(huge_, start, end); }

 private:
  static uint64_t Sum(const std::vector<AddressSpan>& ranges, uint64_t start, uint64_t end);
  uint64_t Scan(int descriptor, AddressSpan stretch);
  bool ReadEach(int descriptor, AddressSpan stretch);

  bool is_known_ = false;
  std::vector<AddressSpan> resident_;
  std::vector<AddressSpan> huge_;
};

}  // namespace spanheap::look
