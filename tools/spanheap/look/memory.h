// SPDX-License-Identifier: MIT
//
// Memory: the bytes of another process, or of one that has ended and left a core file.
//
// Fails. Bytes that cannot be read are zero; the calls say how many pieces were not whole. What is
//        read from a running process may have been followed into nothing: that is no error.
// Tests. tests/tools/look_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace spanheap::look {

struct MemoryPiece {
  uint64_t address;
  void* to;
  size_t size;
};

class Memory {
 public:
  Memory() = default;
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  virtual ~Memory() = default;

  // Reads all pieces; returns how many could not be read whole.
  virtual size_t ReadMany(std::span<const MemoryPiece> pieces) const = 0;
  // Bytes: no look can need more of it.
  virtual uint64_t size_limit() const = 0;
  // Why the bytes at an address cannot be read; empty: there is no more to say than that.
  virtual std::string WhyNot(uint64_t address) const {
    static_cast<void>(address);
    return "";
  }

  bool Read(uint64_t address, void* to, size_t size) const {
    const MemoryPiece piece{address, to, size};
    return ReadMany({&piece, 1}) == 0;
  }
  // `count` elements at `address`; those that cannot be read are zero.
  template <class T>
  std::vector<T> Array(uint64_t address, size_t count) const {
    std::vector<T> elements(count);
    if (count != 0) Read(address, elements.data(), count * sizeof(T));
    return elements;
  }
  // A number of `size` bytes, at most eight.
  uint64_t Number(uint64_t address, size_t size) const {
    uint64_t value = 0;
    Read(address, &value, size < sizeof(value) ? size : sizeof(value));
    return value;
  }
};

}  // namespace spanheap::look
