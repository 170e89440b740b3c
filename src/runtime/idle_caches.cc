// SPDX-License-Identifier: MIT
#include "runtime/idle_caches.h"

#include <algorithm>
#include <utility>

#include "caches/thread_cache.h"
#include "os/signal_frames.h"
#include "os/sleeper.h"
#include "runtime/runtime.h"

namespace spanheap {
namespace {

bool CanTrim() {
  return os::kMembarrierIsSeen && (os::kFindsSignalFrames || os::HandlersBlockTheirSignals());
}

// Changes, almost surely, whenever the thread's bins do.
uint64_t SignatureOf(const ThreadBlock& block) {
  // Relaxed: a change seen late is seen in the next round.
  uint64_t signature = block.refills.LoadRelaxed() * 31 + block.flushes.LoadRelaxed();
  for (const Atomic<void**>& top : block.bins.tops) {
    signature = (signature ^ reinterpret_cast<uintptr_t>(top.LoadRelaxed())) * 0x9E3779B97F4A7C15;
  }
  return signature;
}

uint32_t ThreadIdOf(const ThreadBlock& block) {
  return static_cast<uint32_t>(block.thread_id.LoadRelaxed());  // relaxed: constant
}

ThreadBins* EmptyBins() { return const_cast<ThreadBins*>(&kEmptyBins); }

}  // namespace

void IdleCaches::Consider(ThreadBlock& block, bool all) {
  IdleWatch& idle = block.idle;
  if (idle.trimmed.LoadRelaxed()) return;  // relaxed: seen late is early enough
  const uint64_t signature = SignatureOf(block);
  if (signature != idle.signature) {
    idle.signature = signature;
    idle.rounds = 0;
    idle.attempts.StoreRelaxed(0);  // relaxed: a hint, here and below
  }
  const uint32_t attempts = idle.attempts.LoadRelaxed();
  if (!all && attempts == kAttempts) return;
  pending_.StoreRelaxed(true);  // relaxed: a hint
  // Relaxed: as above.
  const uint32_t needed = kIdleRounds << (attempts + 2 * idle.busy.LoadRelaxed());
  if (!all && ++idle.rounds < needed - 1) return;
  if (count_ == kMost) return;  // it will be found in the next round
  found_[count_++] = &block;
  if (!all && idle.rounds >= needed) idle.rounds = 0;  // until then it is looked at only
}

void IdleCaches::Look() {
  count_ = next_ = 0;
  ++looks_;
  pending_.StoreRelaxed(false);  // relaxed: a hint
  runtime_.threads.ForEachOther([this](ThreadBlock& block) { Consider(block, false); });
  GiveUpUnlessPossible();
}

void IdleCaches::LookAtAll() {
  finds_all_ = true;
  count_ = next_ = 0;
  runtime_.threads.ForEachOther([this](ThreadBlock& block) { Consider(block, true); });
  GiveUpUnlessPossible();
}

// Where nothing can be trimmed nothing is pending either: who would do it may sleep.
void IdleCaches::GiveUpUnlessPossible() {
  if (!is_pending() || CanTrim()) return;
  count_ = 0;
  pending_.StoreRelaxed(false);  // relaxed: a hint
}

bool IdleCaches::TrimNext() {
  ThreadBlock& block = *found_[next_++];
  if (!finds_all_ && !RestsForLong(block)) return false;
  const bool done = TryTrim(block);
  if (!done && !finds_all_) block.idle.attempts.FetchAddRelaxed(1);
  return done;
}

// To be asked in two looks: the first one cannot tell.
bool IdleCaches::RestsForLong(ThreadBlock& block) const {
  IdleWatch& idle = block.idle;
  const uint64_t runs = os::RunsOf(ThreadIdOf(block));
  const uint64_t before = std::exchange(idle.runs, runs);
  if (std::exchange(idle.seen_in, looks_) + 1 != looks_ || runs < before) return false;
  const bool is_busy = runs - before > kBusyRuns;
  // Relaxed: nobody else writes it.
  idle.busy.StoreRelaxed(is_busy ? std::min(idle.busy.LoadRelaxed() + 1, kMostBusy) : 0);
  return !is_busy;
}

bool IdleCaches::TryTrim(ThreadBlock& block) {
  if (!runtime_.gate.TryClaim(block.state)) return false;
  const bool done = TrimClaimed(block);
  runtime_.gate.EndClaim(block.state);
  return done;
}

bool IdleCaches::TrimClaimed(ThreadBlock& block) {
  // A thread may end without a word: killed by a filter, by a bare system call, or when the last
  // round of its destructors was its first use of the heap. Its variables are gone then, so its
  // anchor is not looked at; the registry takes the block back when it next goes through its list,
  // unless the block has another owner by then.
  const uint32_t owner = block.idle.owner.LoadAcquire();
  if (!os::IsThere(ThreadIdOf(block))) {
    block.idle.lost_owner.StoreRelaxed(owner);  // relaxed: a number; see ThreadRegistry
    return true;
  }
  ThreadAnchor* anchor = block.idle.anchor.LoadAcquire();
  // Relaxed: its owner, who is the only other writer, cannot write it now.
  if (anchor == nullptr || anchor->bins.LoadRelaxed() != &block.bins) return false;
  anchor->bins.StoreSequential(EmptyBins());
  os::Membarrier();
  if (!os::IsAsleep({ThreadIdOf(block), block.idle.blocked_signals, AddressOf(anchor).value})) {
    anchor->bins.StoreSequential(&block.bins);
    return false;
  }
  ThreadCache cache(runtime_.spans, runtime_.cache_share, block);
  cache.Flush();  // not to the shelf: its blocks wait for somebody who asks soon
  cache.End();
  cache.Begin();
  ThreadRegistry::ReleaseStacks(block);
  block.idle.trimmed.StoreRelaxed(true);  // relaxed: the claim's end orders it
  return true;
}

}  // namespace spanheap
