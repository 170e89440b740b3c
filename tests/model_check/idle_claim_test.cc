// SPDX-License-Identifier: MIT
//
// Every interleaving of a thread that uses its bin, sleeps, is interrupted by handlers that
// sleep, and ends, with another that trims its caches (runtime/idle_caches.h): no block is handed
// out twice or lost, and each protocol with a condition left out is caught.
//
// The bin has room for two blocks. A fast operation is four steps: read the bins pointer, read the
// top, decide, write the top. Membarrier has no step of its own: memory is sequential here.
#include <gtest/gtest.h>

#include <memory>

#include "interleaving.h"

namespace spanheap::model {
namespace {

enum class Fault {
  kNone,
  kNoClaim,       // the owner's slow path does not wait
  kNoSwap,        // the owner keeps its bins
  kNoSleep,       // nobody looks whether the owner sleeps
  kHandlersPass,  // sleep in a handler counts as sleep
  kSleepFirst,    // the look comes before the swap
  kEndsOutside,   // the owner lets its bins go before the section of its end
};

constexpr int kBlocks = 2;
constexpr int kOwner = 0;
constexpr int kTrimmer = 1;

struct Shared {
  int bins = 1;       // 1: the thread's own, 0: the empty ones
  int top = kBlocks;  // blocks on the stack
  int stack[kBlocks + 1] = {0, 1, 2};
  bool in_section = false;
  bool claimed = false;
  bool anchored = true;  // the owner has not ended
  bool asleep = false;
  bool in_handler = false;
  // The truth, which the code does not read: who has each block. 0: the span, 1: the bin or nobody
  // yet, 2: the program.
  int holder[kBlocks + 1] = {0, 1, 1};
};

class IdleClaim {
 public:
  explicit IdleClaim(Fault fault) : fault_(fault) {}

  // Blocks that were trimmed, over all interleavings.
  size_t trimmed() const { return trimmed_; }

  Program AsProgram() {
    Program program;
    program.shared = std::as_writable_bytes(std::span(&s_, 1));
    program.run = [this](unsigned thread) {
      if (thread == kOwner) RunOwner();
      if (thread == kTrimmer) Trim();
    };
    program.check = [] {};
    program.check_end = [this] {
      Require(s_.bins == 0, "who has ended has no bins");
      for (int b = 1; b <= kBlocks; ++b) {
        int places = s_.holder[b] == 0 || s_.holder[b] == 2 ? 1 : 0;
        for (int i = 1; i <= s_.top; ++i) places += s_.stack[i] == b ? 1 : 0;
        Require(places == 1, "each block is in one place");
      }
    };
    return program;
  }

 private:
  template <class T>
  T Read(const T& place) {
    Step();
    Saw(static_cast<uint64_t>(place));
    return place;
  }
  template <class T>
  void Write(T& place, T value) {
    Step();
    place = value;
  }

  // ---- the owner

  void RunOwner() {
    Pop(false);
    Sleep();
    Pop(true);  // a handler interrupts this one
    Sleep();
    Pop(false);
    End();
  }
  void End() {
    if (fault_ == Fault::kEndsOutside) Write(s_.bins, 0);
    EnterSection();
    if (fault_ != Fault::kEndsOutside) Write(s_.bins, 0);
    Write(s_.anchored, false);
    for (int top = Read(s_.top); top > 0; --top) {
      s_.holder[Read(s_.stack[top])] = 0;
      Write(s_.top, top - 1);
    }
    Write(s_.in_section, false);
  }
  void EnterSection() {
    for (;;) {
      Write(s_.in_section, true);
      if (fault_ == Fault::kNoClaim || !Read(s_.claimed)) return;
      Write(s_.in_section, false);
      StepUntilFree(&s_.claimed);
    }
  }
  void Sleep() {
    Write(s_.asleep, true);
    Write(s_.asleep, false);
  }
  void Interrupt(bool is_interrupted) {
    if (!is_interrupted) return;
    Write(s_.in_handler, true);
    Sleep();
    Write(s_.in_handler, false);
  }
  void Pop(bool is_interrupted) {
    if (Read(s_.bins) == 0) return PopSlow();
    const int top = Read(s_.top);
    const int block = Read(s_.stack[top]);
    Interrupt(is_interrupted);
    if (block == 0) return PopSlow();
    Write(s_.top, top - 1);
    Hand(block);
  }
  void PopSlow() {
    EnterSection();
    Write(s_.bins, 0);
    const int top = Read(s_.top);
    if (top > 0) {
      const int block = Read(s_.stack[top]);
      Write(s_.top, top - 1);
      Hand(block);
    } else {
      Refill();
    }
    Write(s_.bins, 1);
    Write(s_.in_section, false);
  }
  // One block of the span, if it has one.
  void Refill() {
    Step();
    for (int b = 1; b <= kBlocks; ++b) {
      Saw(static_cast<uint64_t>(s_.holder[b]));
      if (s_.holder[b] != 0) continue;
      s_.holder[b] = 1;
      Hand(b);
      return;
    }
  }
  void Hand(int block) {
    Require(block != 0, "nothing is no block");
    Require(s_.holder[block] == 1, "a block is handed out once");
    s_.holder[block] = 2;
  }

  // ---- the trimmer

  bool Sleeps() {
    if (fault_ == Fault::kNoSleep) return true;
    Step();
    const bool sleeps = s_.asleep && (fault_ == Fault::kHandlersPass || !s_.in_handler);
    Saw(sleeps ? 1 : 0);
    return sleeps;
  }
  void Trim() {
    Write(s_.claimed, true);
    if (!Read(s_.in_section)) TrimClaimed();
    Write(s_.claimed, false);
  }
  void TrimClaimed() {
    if (!Read(s_.anchored) || Read(s_.bins) == 0) return;
    if (fault_ == Fault::kSleepFirst && !Sleeps()) return;
    if (fault_ != Fault::kNoSwap) Write(s_.bins, 0);
    if (fault_ != Fault::kSleepFirst && !Sleeps()) {
      Write(s_.bins, 1);
      return;
    }
    for (int top = Read(s_.top); top > 0; --top) {
      const int block = Read(s_.stack[top]);
      Step();
      Require(s_.holder[block] == 1, "only blocks of the bin go back");
      s_.holder[block] = 0;
      ++trimmed_;
      Write(s_.top, top - 1);
    }
  }

  const Fault fault_;
  size_t trimmed_ = 0;
  Shared s_;
};

TEST(IdleClaimTest, HoldsInEveryInterleaving) {
  const auto claim = std::make_unique<IdleClaim>(Fault::kNone);
  const Outcome outcome = Explore(claim->AsProgram());
  EXPECT_EQ(outcome.failure, "");
  EXPECT_GT(outcome.states, 500U);
  EXPECT_GE(outcome.ends, 1U);
  EXPECT_GT(claim->trimmed(), 10U);
  printf("%zu states, %zu blocks trimmed\n", outcome.states, claim->trimmed());
}

TEST(IdleClaimTest, EachConditionIsNeeded) {
  for (const Fault fault : {Fault::kNoClaim, Fault::kNoSwap, Fault::kNoSleep, Fault::kHandlersPass,
                            Fault::kSleepFirst, Fault::kEndsOutside}) {
    const auto claim = std::make_unique<IdleClaim>(fault);
    EXPECT_NE(Explore(claim->AsProgram()).failure, "") << static_cast<int>(fault);
  }
}

}  // namespace
}  // namespace spanheap::model
