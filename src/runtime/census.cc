// SPDX-License-Identifier: MIT
#include "runtime/census.h"

#include <algorithm>

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
    }
    census.refills += totals.refills;
    census.flushes += totals.flushes;
  }
  void Block(ThreadBlock& block) {
    for (unsigned c = 1; c < kMallocClassCount; ++c) {
      // Relaxed: the owner is outside of the slow paths, where these change.
      census.taken[c] += block.classes[c].taken.LoadRelaxed();
      census.returned[c] += block.classes[c].returned.LoadRelaxed();
      census.cached[c] += block.depth(c);
    }
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

void Census::Take(Census& census, Look look, void* context) {
  Counter counter{census, look, context};
  // For the locks that `look` takes. Opened while the gate is open; in no list, so nobody, this
  // thread least, waits for its end.
  ThreadState unlisted;
  const CoreSection section(runtime.gate, unlisted);
  runtime.threads.Quiesced(counter);
}

}  // namespace spanheap
