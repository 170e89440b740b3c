// SPDX-License-Identifier: MIT
#include "base/line_writer.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace spanheap {
namespace {

std::string TextOf(const LineWriter& line) { return {line.data(), line.size()}; }

TEST(LineWriter, JoinsPiecesInOrder) {
  LineWriter line;
  line.Text("free(").Pointer(Address(0x7f00)).Char(')').Text(" class ").Decimal(48);
  EXPECT_EQ(TextOf(line), "free(0x7f00) class 48");
}

TEST(LineWriter, WritesTheExtremesOfNumbers) {
  LineWriter line;
  line.Decimal(0).Char(' ').Decimal(UINT64_MAX).Char(' ').Hex(0).Char(' ').Hex(UINT64_MAX);
  EXPECT_EQ(TextOf(line), "0 18446744073709551615 0x0 0xffffffffffffffff");
}

TEST(LineWriter, CutsOffWhatDoesNotFit) {
  LineWriter line;
  const std::string part(150, 'x');
  for (int i = 0; i < 10; ++i) line.Text(part.c_str());
  EXPECT_EQ(line.size(), 400U);
  line.Decimal(7);
  EXPECT_EQ(TextOf(line), std::string(400, 'x'));
}

}  // namespace
}  // namespace spanheap
