// SPDX-License-Identifier: MIT
//
// ScriptBytes: reads a fuzzer's bytes as numbers. Past the end it reads zeros, so every byte string
// is a whole script. Require: what must hold of the unit under test, or the fuzzer has a finding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace spanheap::fuzz {

class ScriptBytes {
 public:
  ScriptBytes(const uint8_t* data, size_t size) : next_(data), end_(data + size) {}
  bool at_end() const { return next_ == end_; }

  uint8_t Byte() { return next_ == end_ ? uint8_t{0} : *next_++; }
  uint32_t Half() { return Byte() | static_cast<uint32_t>(Byte()) << 8; }
  uint32_t Below(uint32_t n) { return n == 0 ? 0 : (n <= 256 ? Byte() : Half()) % n; }
  // 0 .. 2^most_bits, small ones as likely as large ones: a byte for the power, two for the rest.
  size_t Size(unsigned most_bits) {
    const unsigned bits = Byte() % (most_bits + 1);
    const size_t low = bits == 0 ? 0 : size_t{1} << (bits - 1);
    return low + Half() * ((low >> 16) + 1) % (low + 1);
  }

 private:
  const uint8_t* next_;
  const uint8_t* end_;
};

inline void Require(bool holds, const char* what) {
  if (holds) return;
  fprintf(stderr, "finding: %s\n", what);
  abort();
}

}  // namespace spanheap::fuzz
