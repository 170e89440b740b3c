// SPDX-License-Identifier: MIT
//
// Registered threads for tests: one registry for the process (the signal has one handler), and a
// scope that attaches the calling thread.
#pragma once

#include <gtest/gtest.h>

#include "mutators/mutator_registry.h"

namespace spanheap {

inline MutatorRegistry& TestRegistry() {
  static MutatorRegistry registry;
  static const bool started = registry.Start(MutatorHooks{});
  EXPECT_TRUE(started);
  return registry;
}

// Its record outlives it: late signals find one.
class Attached {
 public:
  Attached() : record_(*new Mutator) { EXPECT_TRUE(TestRegistry().Attach(record_)); }
  ~Attached() { TestRegistry().Detach(record_); }
  Attached(const Attached&) = delete;
  Attached& operator=(const Attached&) = delete;

  Mutator& record() { return record_; }

 private:
  Mutator& record_;
};

}  // namespace spanheap
