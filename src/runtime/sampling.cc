// SPDX-License-Identifier: MIT
#include "runtime/sampling.h"

#include "base/bits.h"
#include "os/clock.h"
#include "runtime/options.h"

namespace spanheap {
namespace {

// xorshift64*: good enough to be unpredictable to a program's size pattern.
uint64_t NextRandom(uint64_t& state) {
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return state * 0x2545F4914F6CDD1DULL;
}

// log2(x) in 1/65536, x >= 1: whole part by the highest bit, the fraction f by f + f (1 - f) / 3,
// which is within 0.01 of the logarithm everywhere.
uint64_t Log2Fixed(uint64_t x) {
  const unsigned whole = Log2Floor(x);
  const uint64_t fraction = ((x << (63 - whole)) << 1) >> 48;
  return (uint64_t{whole} << 16) + fraction + fraction * (65536 - fraction) / 3 / 65536;
}

}  // namespace

int64_t NextSampleInterval(uint64_t& random, uint64_t mean) {
  constexpr uint64_t kLn2 = 45426;                    // ln 2 in 1/65536
  const uint64_t u = (NextRandom(random) >> 38) + 1;  // 1 .. 2^26
  const uint64_t log = (uint64_t{26} << 16) - Log2Fixed(u);
  const uint64_t minus_ln = (log * kLn2) >> 16;  // -ln(u / 2^26) in 1/65536
  return static_cast<int64_t>((minus_ln * (mean >> 4)) >> 12) + 1;
}

void StartSampling(ThreadBlock& block) {
  if (options.sample.value == 0) {
    block.bins.sample_countdown = INT64_MAX;
    return;
  }
  if (block.random_state == 0) {
    block.random_state = (os::MonotonicNow_ns() ^ AddressOf(&block).value) | 1;
  }
  block.bins.sample_countdown = NextSampleInterval(block.random_state, options.sample.value);
}

}  // namespace spanheap
