// SPDX-License-Identifier: MIT
//
// YoungChoice: whether the next mark is a young one, which takes for alive what the last one found
// alive, or a full one.
//
// Idea.       A young mark costs what is new and what was stored into; what has died since it was
//             marked stays until a full one. So young ones go on until the heap holds half as much
//             again as after the last full one, which bounds both. A young mark that had to scan
//             half of what a full one would, or came to that bound at once, saves too little for
//             the room it leaves: full ones follow, twice as many each time this happens in a row.
// Threads.    A value; the collector's thread.
// Tests.      tests/policy/young_choice_test.cc.
#pragma once

#include <cstdint>

namespace spanheap::policy {

class YoungChoice {
 public:
  // Less than this is marked at once in any case.
  static constexpr uint64_t kLeastLive = uint64_t{2} << 20;
  // After so many young marks a full one: what is dead goes away at last.
  static constexpr unsigned kMostInRow = 16;
  static constexpr unsigned kMostDoublings = 5;

  // A full mark has found `live` bytes alive. True: the next one is young.
  bool AfterFull(uint64_t live);
  // So has a young one, and scanned `scanned` bytes for it.
  bool AfterYoung(uint64_t live, uint64_t scanned);

  // Alive after the last full mark.
  uint64_t full_live() const { return full_live_; }

 private:
  uint64_t full_live_ = 0;
  unsigned in_row_ = 0;   // young marks since the last full one
  unsigned failed_ = 0;   // in a row
  unsigned to_rest_ = 0;  // full marks before the next young one
};

}  // namespace spanheap::policy
