// SPDX-License-Identifier: MIT
#include "mutators/thread_scan.h"

#include "sync/stop_delay.h"

namespace spanheap {
namespace {

// Who has a processor has answered by then.
constexpr uint64_t kForAnAnswer_ns = 30'000;

}  // namespace

bool ThreadScan::Run(uint64_t& bytes) {
  count_ = registry_.TakeUnscanned(epoch_, taken_, kMost);
  if (count_ == 0) return false;
  const auto each_asked = [this](const auto& remind) {
    for (uint32_t i = 0; i < asked_; ++i) remind(*taken_[i]);
  };
  for (;;) {
    const bool has_asked = AskNext();
    if (asked_ == 0) break;
    if (ScanHeld(bytes)) continue;
    if (has_asked) {
      handshake_.AwaitChange(kForAnAnswer_ns);
    } else {
      handshake_.AwaitSome(each_asked);
    }
    ScanHeld(bytes);
  }
  // Who is scanned already may still be counting down.
  handshake_.AwaitAll([](const auto&) {});
  return true;
}

// False: all were asked, or the next is held by somebody else, who may wait for one of these.
bool ThreadScan::AskNext() {
  if (next_ == count_) return false;
  Mutator& mutator = *taken_[next_];
  if (asked_ == 0) {
    Handshake::Reserve(mutator);
  } else if (!Handshake::TryReserve(mutator)) {
    return false;
  }
  ++next_;
  taken_[asked_++] = &mutator;
  handshake_.Ask(mutator);
  return true;
}

bool ThreadScan::ScanHeld(uint64_t& bytes) {
  bool any = false;
  for (uint32_t i = 0; i < asked_;) {
    Mutator& mutator = *taken_[i];
    if (!Handshake::IsHeld(mutator)) {
      ++i;
      continue;
    }
    Scan(mutator, bytes);
    taken_[i] = taken_[--asked_];
    any = true;
  }
  return any;
}

void ThreadScan::Scan(Mutator& mutator, uint64_t& bytes) {
  {
    const StopDelay delay;
    const WordRanges words = mutator.Words();
    shade_(words, argument_);
    bytes += words.total_words() * sizeof(uintptr_t);
    mutator.scanned_epoch = epoch_;
  }
  Handshake::Release(mutator);
  Handshake::WakeReleased();
  MutatorRegistry::Unpin(mutator);
}

}  // namespace spanheap
