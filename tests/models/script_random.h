// SPDX-License-Identifier: MIT
//
// ScriptRandom: the random source of scripts and storms (xorshift64*). The same sequence for the
// same seed on every machine, so that a failure can be run again.
#pragma once

#include <cstddef>
#include <cstdint>

namespace spanheap {

class ScriptRandom {
 public:
  explicit ScriptRandom(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15U | 1) { Next(); }

  uint64_t Next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545F4914F6CDD1DU;
  }
  // 0 .. n - 1.
  uint64_t Below(uint64_t n) { return (Next() >> 11) % n; }
  bool OneIn(uint64_t n) { return Below(n) == 0; }
  // 1 .. 2^bits, each power of two as likely as the next: small sizes mostly.
  size_t Size(unsigned bits) {
    const auto shift = static_cast<unsigned>(Below(bits + 1));
    return static_cast<size_t>(1 + Below(uint64_t{1} << shift));
  }

 private:
  uint64_t state_;
};

}  // namespace spanheap
