// SPDX-License-Identifier: MIT
#include "observe/report_fields.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "observe/report_samples.h"

namespace spanheap {
namespace {

TEST(ReportFieldsTest, TheCategoriesAreTheSummandsOfTheReport) {
  // Adding to one category alone must break the sum, and the listed ones must be all of it.
  HeapReport report = SampleReport();
  ASSERT_TRUE(report.AddsUp());
  uint64_t sum = 0;
  for (const ReportField& field : kReportCategories) {
    sum += report.*field.value;
    report.*field.value += 1;
    EXPECT_FALSE(report.AddsUp()) << field.key;
    report.*field.value -= 1;
  }
  EXPECT_EQ(sum, report.mapped_bytes);
}

TEST(ReportFieldsTest, NoFieldIsListedTwice) {
  std::set<std::string> keys;
  std::set<std::string> labels;
  size_t count = 0;
  const auto note = [&](const auto& fields) {
    for (const ReportField& field : fields) {
      ++count;
      keys.insert(field.key);
      labels.insert(field.label);
    }
  };
  note(kReportCategories);
  note(kReportSizes);
  note(kReportCounts);
  EXPECT_EQ(keys.size(), count);
  EXPECT_EQ(labels.size(), count);
  // With mapped_bytes these are all numbers of the report: none is left out of the renderings.
  const size_t numbers = offsetof(HeapReport, class_count) / sizeof(uint64_t);
  EXPECT_EQ(count + 1, numbers);
  EXPECT_EQ(std::size(kClassFields), sizeof(SizeClassReport) / sizeof(uint64_t));
}

TEST(ReportFieldsTest, NoFieldOfTheCollectedHeapIsLeftOutOrListedTwice) {
  std::set<std::string> keys;
  size_t count = 0;
  const auto note = [&](const auto& fields) {
    for (const CollectedField& field : fields) keys.insert(field.key);
    count += std::size(fields);
  };
  note(kCollectedSizes);
  note(kCollectedCounts);
  note(kCollectedTimes);
  EXPECT_EQ(keys.size(), count);
  EXPECT_EQ(count, offsetof(CollectedReport, class_count) / sizeof(uint64_t));
  EXPECT_EQ(std::size(kCollectedClassFields), sizeof(CollectedClassReport) / sizeof(uint64_t));
}

}  // namespace
}  // namespace spanheap
