// SPDX-License-Identifier: MIT
#include "base/published.h"

#include <gtest/gtest.h>

#include <thread>

namespace spanheap {
namespace {

struct Record {
  uint64_t first = 0;
  bool odd = false;
  uint64_t middle[20] = {};
  uint64_t last = 0;
};

Record Numbered(uint64_t n) {
  Record record{n, n % 2 != 0, {}, n};
  for (uint64_t& word : record.middle) word = n;
  return record;
}

bool IsWhole(const Record& record) {
  for (const uint64_t word : record.middle) {
    if (word != record.first) return false;
  }
  return record.last == record.first && record.odd == (record.first % 2 != 0);
}

TEST(Published, IsWhatWasWrittenLast) {
  Published<Record> published;
  EXPECT_EQ(published.Read().last, 0U);
  published.Write(Numbered(7));
  EXPECT_EQ(published.Read().last, 7U);
  EXPECT_TRUE(IsWhole(published.Read()));
}

TEST(Published, ReadersFindWholeRecordsInOrder) {
  constexpr uint64_t kRecords = 200'000;
  Published<Record> published;
  std::thread reader([&] {
    uint64_t last = 0;
    while (last != kRecords) {
      const Record seen = published.Read();
      ASSERT_TRUE(IsWhole(seen));
      ASSERT_GE(seen.first, last);
      last = seen.first;
    }
  });
  for (uint64_t n = 1; n <= kRecords; ++n) published.Write(Numbered(n));
  reader.join();
}

}  // namespace
}  // namespace spanheap
