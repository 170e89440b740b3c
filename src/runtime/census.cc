// SPDX-License-Identifier: MIT
#include "runtime/census.h"

#include <algorithm>

#include "base/count_ones.h"
#include "sync/core_section.h"

namespace spanheap {
namespace {

struct Counter {
  Census& census;
  Census::Look look;
  void* context;

  void Totals(const ThreadRegistry::Totals& totals) {
    for (unsigned c = 1; c < kMallocClassCount; ++c) {
      census.taken[c] += totals.taken[c];
      census.returned[c] += totals.returned[c];
      census.requests[c] += totals.requests[c];
      census.requested_bytes[c] += totals.requested_bytes[c];
    }
    census.refills += totals.refills;
    census.flushes += totals.flushes;
  }
  void Block(ThreadBlock& block) {
    ThreadReport thread;
    for (unsigned c = 1; c < kMallocClassCount; ++c) {
      // Relaxed: the owner is outside of the slow paths, where these change.
      const ClassState& state = block.classes[c];
      census.taken[c] += state.taken.LoadRelaxed();
      census.returned[c] += state.returned.LoadRelaxed();
      census.requests[c] += state.requests.LoadRelaxed();
      census.requested_bytes[c] += state.requested_bytes.LoadRelaxed();
      const uint64_t cached = block.depth(c);
      census.cached[c] += cached;
      thread.cached_bytes += cached * BlockBytes(c);
    }
    thread.id = block.thread_id.LoadRelaxed();  // relaxed: written before the block was listed
    thread.page_cache_bytes = CountOnes(block.page_cache.free_bits()) << kPageShift;
    thread.refills = block.refills.LoadRelaxed();
    thread.flushes = block.flushes.LoadRelaxed();
    if (thread.id != 0) census.List(thread);
    census.refills += block.refills.LoadRelaxed();
    census.flushes += block.flushes.LoadRelaxed();
    ++census.threads;
  }
  void Done() {
    --census.threads;  // the shared block is no thread
    for (unsigned c = 1; c <= kSmallClasses; ++c) {
      census.shelved[c] = runtime.spans.shelved(c);
      census.cached[c] += census.shelved[c];
    }
    for (unsigned c = 1; c < kMallocClassCount; ++c) {
      census.cached[c] = std::min(census.cached[c], census.out(c));
    }
    if (look != nullptr) look(census, context);
  }
};

}  // namespace

void Census::List(const ThreadReport& thread) {
  if (listed < HeapReport::kMaxThreads) {
    per_thread[listed++] = thread;
    return;
  }
  ThreadReport* least = &per_thread[0];
  for (ThreadReport& at : per_thread) {
    if (at.cached_bytes < least->cached_bytes) least = &at;
  }
  if (least->cached_bytes < thread.cached_bytes) *least = thread;
}

uint64_t Census::WasteOf(unsigned c, uint64_t blocks) const {
  if (requests[c] == 0) return 0;
  const uint64_t mean = requested_bytes[c] / requests[c];
  const uint64_t size = BlockBytes(c);
  return mean >= size ? 0 : blocks * (size - mean);
}

void Census::Take(Census& census, Look look, void* context) {
  Counter counter{census, look, context};
  // For the locks that `look` takes. Opened while the gate is open; in no list, so nobody, this
  // thread least, waits for its end.
  ThreadState unlisted;
  const CoreSection section(runtime.gate, unlisted);
  runtime.threads.Quiesced(counter);
}

}  // namespace spanheap
