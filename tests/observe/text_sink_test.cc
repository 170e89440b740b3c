// SPDX-License-Identifier: MIT
#include "observe/text_sink.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "observe/report_samples.h"

namespace spanheap {
namespace {

std::string Size(uint64_t bytes) {
  return Rendered([bytes](TextSink& sink) { sink.RightSize(bytes, 0); });
}
std::string Percent(uint64_t part, uint64_t whole) {
  return Rendered([=](TextSink& sink) { sink.RightPercent(part, whole, 0); });
}
size_t BarLength(uint64_t part, uint64_t whole) {
  return Rendered([=](TextSink& sink) { sink.Bar(part, whole, 40); }).size();
}

TEST(TextSinkTest, TextLongerThanTheBufferComesOutWhole) {
  std::string expected;
  const std::string text = Rendered([&](TextSink& sink) {
    for (uint64_t i = 0; i < 5000; ++i) {
      sink.Decimal(i).Char('\n');
      expected += std::to_string(i) + "\n";
    }
  });
  EXPECT_EQ(text, expected);
}

TEST(TextSinkTest, ColumnsAreFilledAndNeverCut) {
  EXPECT_EQ(Rendered([](TextSink& sink) {
              sink.LeftText("ab", 4).RightText("cd", 4).RightDecimal(12345, 3).LeftText("efg", 1);
            }),
            "ab    cd12345efg");
}

TEST(TextSinkTest, DecimalsReachTheLargestNumber) {
  EXPECT_EQ(Rendered([](TextSink& sink) { sink.Decimal(0).Char(' ').Decimal(UINT64_MAX); }),
            "0 18446744073709551615");
}

TEST(TextSinkTest, SizesAreRoundedInBinaryUnits) {
  EXPECT_EQ(Size(0), "0 B");
  EXPECT_EQ(Size(1023), "1023 B");
  EXPECT_EQ(Size(1024), "1.0 KiB");
  EXPECT_EQ(Size(1536), "1.5 KiB");
  EXPECT_EQ(Size((1 << 20) - 1), "1.0 MiB");
  EXPECT_EQ(Size(12'900'000), "12.3 MiB");
  EXPECT_EQ(Size(uint64_t{1} << 40), "1.0 TiB");
  EXPECT_EQ(Size(UINT64_MAX), "16.0 EiB");
}

TEST(TextSinkTest, PercentagesHoldForAllNumbers) {
  EXPECT_EQ(Percent(0, 0), "0.0 %");
  EXPECT_EQ(Percent(1, 3), "33.3 %");
  EXPECT_EQ(Percent(2, 3), "66.7 %");
  EXPECT_EQ(Percent(7, 7), "100.0 %");
  EXPECT_EQ(Percent(UINT64_MAX / 2, UINT64_MAX), "50.0 %");
  EXPECT_EQ(Percent(UINT64_MAX, UINT64_MAX), "100.0 %");
}

TEST(TextSinkTest, BarsShowTheShareAndEveryPart) {
  EXPECT_EQ(BarLength(0, 100), 0U);
  EXPECT_EQ(BarLength(1, 1000000), 1U);
  EXPECT_EQ(BarLength(50, 100), 20U);
  EXPECT_EQ(BarLength(100, 100), 40U);
  EXPECT_EQ(BarLength(200, 100), 40U);
  EXPECT_EQ(BarLength(1, 0), 1U);
}

TEST(TextSinkTest, AFailedWriteIsToldAndEndsTheWriting) {
  int calls = 0;
  TextSink sink(
      [](void* context, const char*, size_t) {
        ++*static_cast<int*>(context);
        return false;
      },
      &calls);
  sink.Repeat('x', 5000);
  EXPECT_FALSE(sink.Finish());
  EXPECT_EQ(calls, 1);
}

TEST(TextSinkTest, WritesToADescriptor) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  {
    TextSink sink(ends[1]);
    sink.Text("left to the destructor");
  }
  char buffer[64];
  const ssize_t n = read(ends[0], buffer, sizeof buffer);
  EXPECT_EQ(std::string(buffer, static_cast<size_t>(n)), "left to the destructor");
  close(ends[0]);
  close(ends[1]);
  TextSink closed(-1);
  EXPECT_FALSE(closed.Text("x").Finish());
}

}  // namespace
}  // namespace spanheap
