// SPDX-License-Identifier: MIT
#include "runtime/census.h"

namespace spanheap {
namespace {

struct Counter {
  Census& census;

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
};

}  // namespace

void Census::Take(Census& census) {
  Counter counter{census};
  runtime.threads.Quiesced(counter);
  --census.threads;  // the shared block is no thread
}

}  // namespace spanheap
