// SPDX-License-Identifier: MIT
//
// Damaged: what was read cannot be. The target's structures are broken, on purpose or not, or they
// moved while they were read.
//
// Idea.  A target is not trusted: whoever looks may have more rights than it has. Offsets, sizes
//        and counts out of it are checked before they are used, lists are followed once, and all
//        that is read in one look stays below what can be there.
// Tests. tests/tools/damage_test.cc, damaged_core_test.py.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <unordered_set>

namespace spanheap::look {

class Damaged : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Follows lists: an address that comes again is damage.
class Trail {
 public:
  void Step(uint64_t address, const char* list) {
    if (seen_.insert(address).second) return;
    throw Damaged(std::string("the list of ") + list + " leads back into itself");
  }

 private:
  std::unordered_set<uint64_t> seen_;
};

}  // namespace spanheap::look
