// SPDX-License-Identifier: MIT
//
// The mixes of request sizes that rows draw from, and orders to visit slots in. Drawn once into
// tables before the clock starts, so a row pays one load for a size and not a random number.
#pragma once

#include <cstdint>

#include "bench/harness/mapped_array.h"
#include "bench/harness/random.h"

namespace spanheap::bench {

enum class Mix {
  kSmall,  // 16..256 B, uniform
  kMixed,  // 16 B..8 KiB, every doubling equally likely
  kWeb,    // a server's requests: 60 % below 128 B, 25 % to 1 KiB, 12 % to 8 KiB, 3 % to 64 KiB
  kLarge,  // 32 KiB..1 MiB, every doubling equally likely
};

// One size between 2^low and 2^high, every doubling equally likely.
inline std::uint32_t DrawDoubling(Random& random, unsigned low, unsigned high) {
  const std::uint64_t base = std::uint64_t{1} << random.Between(low, high - 1);
  return static_cast<std::uint32_t>(base + random.Below(base) + 1);
}

inline std::uint32_t DrawWeb(Random& random) {
  const std::uint64_t percent = random.Below(100);
  if (percent < 60) return static_cast<std::uint32_t>(random.Between(16, 128));
  if (percent < 85) return static_cast<std::uint32_t>(random.Between(129, 1024));
  if (percent < 97) return static_cast<std::uint32_t>(random.Between(1025, 8192));
  return static_cast<std::uint32_t>(random.Between(8193, 65536));
}

inline std::uint32_t DrawSize(Random& random, Mix mix) {
  switch (mix) {
    case Mix::kSmall:
      return static_cast<std::uint32_t>(random.Between(16, 256));
    case Mix::kMixed:
      return DrawDoubling(random, 4, 13);
    case Mix::kWeb:
      return DrawWeb(random);
    case Mix::kLarge:
      return DrawDoubling(random, 15, 20);
  }
  return 0;
}

// An endless cycle of 65 536 sizes of one mix.
class SizeTable {
 public:
  SizeTable(Mix mix, std::uint64_t seed) : sizes_(kCount) {
    Random random(seed);
    for (std::size_t i = 0; i < kCount; ++i) sizes_[i] = DrawSize(random, mix);
  }
  std::uint32_t At(std::uint64_t i) const { return sizes_[i % kCount]; }

 private:
  static constexpr std::size_t kCount = 65536;
  MappedArray<std::uint32_t> sizes_;
};

// Writes a random permutation of 0..order.size()-1.
inline void Shuffle(MappedArray<std::uint32_t>& order, std::uint64_t seed) {
  Random random(seed);
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::uint32_t>(i);
  for (std::size_t i = order.size(); i > 1; --i) {
    const std::size_t j = random.Below(i);
    const std::uint32_t swap = order[i - 1];
    order[i - 1] = order[j];
    order[j] = swap;
  }
}

}  // namespace spanheap::bench
