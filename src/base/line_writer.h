// SPDX-License-Identifier: MIT
//
// LineWriter: builds one line of text in a buffer on the stack. No allocation, no locale, no stdio,
// so it works inside malloc, before main and while the process dies. What does not fit is cut off.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/units.h"

namespace spanheap {

class LineWriter {
 public:
  LineWriter& Text(const char* s) {
    while (*s != '\0') Char(*s++);
    return *this;
  }
  LineWriter& Char(char c) {
    if (size_ < kCapacity) text_[size_++] = c;
    return *this;
  }
  LineWriter& Decimal(uint64_t n) { return Digits(n, 10); }
  LineWriter& Hex(uint64_t n) { return Text("0x").Digits(n, 16); }
  LineWriter& Pointer(Address a) { return Hex(a.value); }

  const char* data() const { return text_; }
  size_t size() const { return size_; }

 private:
  static constexpr size_t kCapacity = 400;

  LineWriter& Digits(uint64_t n, unsigned base) {
    char reversed[20];
    unsigned length = 0;
    do {
      reversed[length++] = "0123456789abcdef"[n % base];
      n /= base;
    } while (n != 0);
    while (length > 0) Char(reversed[--length]);
    return *this;
  }

  char text_[kCapacity];
  size_t size_ = 0;
};

}  // namespace spanheap
