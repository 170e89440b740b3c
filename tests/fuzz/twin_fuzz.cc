// SPDX-License-Identifier: MIT
//
// Fuzz target: byte scripts as operations on the page heap of Go 1.8, beside an array of pages.
//
// Idea.  It is not first fit, so its answers are judged, not foretold: what it gives was free, in a
//        run no longer than needed (the shortest that fits); it gives something if any run fits;
//        and what it counts as released was.
#include <algorithm>
#include <array>
#include <vector>

#include "pages/driver/machine.h"
#include "script_bytes.h"

namespace spanheap::fuzz {
namespace {

constexpr uint32_t kMostChunks = 24;
constexpr uint32_t kChunkPages = 512;

constexpr uint32_t kChunkNumbers = 40;

enum class State : uint8_t { kAbsent, kUsed, kFree, kReleased };

class Session {
 public:
  explicit Session(ScriptBytes& script) : script_(script) {}

  void Run() {
    while (!script_.at_end()) Step();
    Compare();
  }

 private:
  struct Piece {
    uint64_t page;
    uint64_t count;
  };

  void Step() {
    switch (script_.Below(8)) {
      case 0:
        return Grow();
      case 1:
      case 2:
      case 3:
        return Allocate();
      case 4:
      case 5:
        return Free();
      case 6:
        return Scavenge();
      default:
        if (script_.Byte() < 24) Compare();
    }
  }

  static PageBitmap Bits(ScriptBytes& script) {
    PageBitmap bits;
    for (uint32_t i = script.Below(4); i > 0; --i) {
      const uint32_t start = script.Below(kChunkPages);
      bits.SetRange(start, 1 + script.Below(kChunkPages - start));
    }
    return bits;
  }

  void Grow() {
    const uint64_t chunk = script_.Below(kChunkNumbers);
    if (chunks_ == kMostChunks || pages_[chunk * kChunkPages] != State::kAbsent) return;
    const PageBitmap used = Bits(script_);
    const PageBitmap scavenged = Bits(script_);
    machine_->Chunk(chunk, used, scavenged);
    ++chunks_;
    for (uint32_t i = 0; i < kChunkPages; ++i) {
      const uint64_t page = chunk * kChunkPages + i;
      pages_[page] = used.Test(i)        ? State::kUsed
                     : scavenged.Test(i) ? State::kReleased
                                         : State::kFree;
      if (used.Test(i)) live_.push_back({page, 1});
    }
  }

  bool IsFree(uint64_t page) const { return page < pages_.size() && pages_[page] >= State::kFree; }

  // Of the maximal free run around a free page.
  Piece RunAround(uint64_t page) const {
    Piece run{page, 1};
    while (run.page > 0 && IsFree(run.page - 1)) {
      --run.page;
      ++run.count;
    }
    while (IsFree(run.page + run.count)) ++run.count;
    return run;
  }

  template <class Visit>
  void ForEachRun(Visit visit) const {
    for (uint64_t page = 0; page < pages_.size();) {
      if (!IsFree(page)) {
        ++page;
        continue;
      }
      const Piece run = RunAround(page);
      visit(run);
      page += run.count;
    }
  }

  uint64_t Released(const Piece& run) const {
    uint64_t released = 0;
    for (uint64_t page = run.page; page < run.page + run.count; ++page) {
      released += pages_[page] == State::kReleased ? 1 : 0;
    }
    return released;
  }

  // Of the shortest run of at least n pages; 0: none.
  uint64_t ShortestFit(uint64_t n) const {
    uint64_t shortest = 0;
    ForEachRun([&](const Piece& run) {
      if (run.count >= n && (shortest == 0 || run.count < shortest)) shortest = run.count;
    });
    return shortest;
  }

  void Allocate() {
    const uint64_t n = 1 + script_.Size(12);
    const uint64_t fit = ShortestFit(n);
    const auto taken = machine_->Allocate(n);
    Require(taken.has_value() == (fit != 0), "whether a run fits is not known");
    if (!taken) return;
    Require(IsFree(taken->page), "a page is given that is not free");
    const Piece run = RunAround(taken->page);
    Require(run.count == fit, "a longer run than the shortest is taken");
    Require(taken->page + n <= run.page + run.count, "a page is given that is not free");
    // A run knows how many of its pages are released, not which; all count as backed from now on.
    Require(taken->scavenged == std::min(n, Released(run)), "released pages are miscounted");
    for (uint64_t page = run.page; page < run.page + run.count; ++page) {
      const bool is_taken = page >= taken->page && page < taken->page + n;
      pages_[page] = is_taken ? State::kUsed : State::kFree;
    }
    live_.push_back({taken->page, n});
  }

  void Free() {
    if (live_.empty()) return;
    const size_t at = script_.Below(static_cast<uint32_t>(live_.size()));
    Piece& piece = live_[at];
    const uint64_t n = script_.Below(2) == 0 ? piece.count : 1 + script_.Below(piece.count);
    machine_->Free(piece.page, n);
    for (uint64_t page = piece.page; page < piece.page + n; ++page) pages_[page] = State::kFree;
    piece.page += n;
    piece.count -= n;
    if (piece.count != 0) return;
    piece = live_.back();
    live_.pop_back();
  }

  void Scavenge() {
    const uint64_t wanted = script_.Size(11);
    const uint64_t released = machine_->Scavenge(wanted);
    // Whole runs, until it is enough: which, the dump tells.
    uint64_t found = 0;
    for (const script::ChunkBits& chunk : machine_->Dump()) {
      for (uint32_t i = 0; i < kChunkPages; ++i) {
        State& state = pages_[chunk.chunk * kChunkPages + i];
        if (!chunk.scavenged.Test(i) || state == State::kReleased) continue;
        Require(state == State::kFree, "a used page is released");
        state = State::kReleased;
        ++found;
      }
    }
    Require(found == released, "released pages are miscounted");
    bool all = true;
    for (const State state : pages_) all = all && state != State::kFree;
    Require(released >= wanted || all, "less is released than there is");
  }

  void Compare() {
    machine_->Verify();
    uint64_t compared = 0;
    for (const script::ChunkBits& chunk : machine_->Dump()) {
      for (uint32_t i = 0; i < kChunkPages; ++i, ++compared) {
        const bool is_used = !IsFree(chunk.chunk * kChunkPages + i);
        Require(chunk.used.Test(i) == is_used, "a page's state is wrong");
      }
    }
    Require(compared == uint64_t{chunks_} * kChunkPages, "a chunk is not shown");
  }

  ScriptBytes& script_;
  std::unique_ptr<script::Machine> machine_ = script::MakeFreeListMachine();
  std::array<State, size_t{kChunkNumbers} * kChunkPages> pages_{};
  uint32_t chunks_ = 0;
  std::vector<Piece> live_;
};

}  // namespace
}  // namespace spanheap::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  spanheap::fuzz::ScriptBytes script(data, size);
  spanheap::fuzz::Session(script).Run();
  return 0;
}
