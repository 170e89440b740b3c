// SPDX-License-Identifier: MIT
//
// YoungChoice: whether the next mark is a young one, which takes for alive what the last one found
// alive, or a full one.
//
// Idea.       A young mark costs what is new and what was stored into; what has died since it was
//             marked stays until a full one. So young ones go on until the heap holds half as much
//             again as after the last full one, which bounds both, or until one finds most of what
//             came since the last mark alive: then what it leaves is as much as what it frees, and
//             what made room for it before may well be dead.
//             They begin where full marks say that it pays: the heap does not grow, and of what
//             was new most has died. A first one that had to scan half of what a full one would,
//             or came to either bound at once, saves too little for the room it leaves: full ones
//             follow, twice as many each time this happens in a row.
//             Or `always`: they begin after each full mark, to be tested.
// Threads.    A value; the collector's thread.
// Tests.      tests/policy/young_choice_test.cc.
#pragma once

#include <cstdint>

namespace spanheap::policy {

// Bytes of a mark.
struct MarkFound {
  uint64_t live = 0;
  uint64_t scanned = 0;
  // What a young mark judged: objects that had come since the mark before, and of these the live.
  uint64_t came = 0;
  uint64_t stayed = 0;
};

// Bytes of objects that the mark before the last one did not know.
struct Newcomers {
  uint64_t bytes = 0;
  uint64_t kept = 0;  // of these the last one found alive

  // How much of so many bytes that are as new will probably have died; 0 if these are too few to
  // tell.
  constexpr uint64_t DyingOf(uint64_t others) const {
    if (bytes == 0 || bytes < others || kept > bytes) return 0;
    return static_cast<uint64_t>(static_cast<unsigned __int128>(others) * (bytes - kept) / bytes);
  }
};

class YoungChoice {
 public:
  // Less than this is marked at once in any case.
  static constexpr uint64_t kLeastLive = uint64_t{2} << 20;
  // After so many young marks a full one: what is dead goes away at last.
  static constexpr unsigned kMostInRow = 16;
  // Full marks after a first young one that did not pay. Less: more of them where none pays. More:
  // a program that comes to another part of its work waits longer.
  static constexpr unsigned kLeastRest = 4;
  static constexpr unsigned kMostDoublings = 4;
  // Fewer newcomers than this part of what lives tell nothing.
  static constexpr uint64_t kFewNewcomers = 16;

  explicit constexpr YoungChoice(bool always) : always_(always) {}

  // A full mark has ended. True: the next one is young.
  bool AfterFull(const MarkFound& found, const Newcomers& newcomers);
  // So has a young one.
  bool AfterYoung(const MarkFound& found);

 private:
  bool always_;
  MarkFound full_;        // by the last full mark
  unsigned in_row_ = 0;   // young marks since then
  unsigned failed_ = 0;   // first ones, in a row
  unsigned to_rest_ = 0;  // full marks before the next young one
};

}  // namespace spanheap::policy
