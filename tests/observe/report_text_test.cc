// SPDX-License-Identifier: MIT
#include "observe/report_text.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "observe/report_samples.h"

namespace spanheap {
namespace {

std::vector<std::string> LinesOf(const HeapReport& report) {
  std::istringstream text(
      Rendered([&](TextSink& sink) { WriteReportText(report, "heap of a test", sink); }));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

std::string LineWith(const std::vector<std::string>& lines, const std::string& part) {
  for (const std::string& line : lines) {
    if (line.find(part) != std::string::npos) return line;
  }
  return "(no line with " + part + ")";
}

TEST(ReportTextTest, ShowsCategoriesWithSharesAndBars) {
  const std::vector<std::string> lines = LinesOf(SampleReport());
  EXPECT_EQ(lines.at(0), "heap of a test");
  EXPECT_EQ(lines.at(1),
            "  live                          64.0 MiB    50.0 %  ####################");
  EXPECT_EQ(LineWith(lines, "in thread caches"),
            "  in thread caches               1.5 KiB     0.0 %  #");
  EXPECT_EQ(LineWith(lines, "metadata"), "  metadata                           0 B     0.0 %");
  EXPECT_EQ(LineWith(lines, "mapped (the sum)"),
            "  mapped (the sum)             128.0 MiB   100.0 %");
  EXPECT_EQ(LineWith(lines, "add up"), "(no line with add up)");
}

TEST(ReportTextTest, ShowsTheFiguresBesideTheSum) {
  const std::vector<std::string> lines = LinesOf(SampleReport());
  EXPECT_EQ(LineWith(lines, "address space"), "  address space reserved         1.0 TiB");
  EXPECT_EQ(LineWith(lines, "refills"), "  thread cache refills                11");
  EXPECT_EQ(LineWith(lines, "releases"), "  releases to the OS                  44");
}

TEST(ReportTextTest, ShowsTheCollectedHeapWhereThereIsOne) {
  const std::vector<std::string> lines = LinesOf(SampleReport());
  EXPECT_EQ(LineWith(lines, "live after the last mark"),
            "  live after the last mark       1.0 MiB");
  EXPECT_EQ(lines[lines.size() - 1],
            "          32       yes       40         7000        200       64       2976"
            "    218.8 KiB    68.4 %");
  EXPECT_EQ(LineWith(LinesOf(HeapReport{}), "the collected heap"),
            "(no line with the collected heap)");
}

TEST(ReportTextTest, ShowsClassesInUseOnly) {
  HeapReport report = SampleReport();
  report.collected = CollectedReport();
  const std::vector<std::string> lines = LinesOf(report);
  ASSERT_GE(lines.size(), 3U);
  const size_t last = lines.size() - 1;
  EXPECT_EQ(lines[last - 2],
            "  block size    spans         live     cached       free   live bytes    in use");
  EXPECT_EQ(
      lines[last - 1],
      "          16        2         1000         24       1000     15.6 KiB    49.4 %  #####");
  EXPECT_EQ(lines[last],
            "          48        1            5          0        165        240 B     2.9 %  #");
}

TEST(ReportTextTest, SaysSoWhenTheCategoriesDoNotAddUp) {
  HeapReport report = SampleReport();
  report.live_bytes -= 100;
  EXPECT_EQ(LineWith(LinesOf(report), "add up"), "  the categories add up to 100 bytes less");
  report.live_bytes += 130;
  EXPECT_EQ(LineWith(LinesOf(report), "add up"), "  the categories add up to 30 bytes more");
}

TEST(ReportTextTest, StandsAnEmptyAndAHugeReport) {
  EXPECT_EQ(LineWith(LinesOf(HeapReport{}), "mapped"),
            "  mapped (the sum)                   0 B     0.0 %");
  EXPECT_EQ(LineWith(LinesOf(HugeReport()), "mapped (the sum)"),
            "  mapped (the sum)              16.0 EiB   100.0 %");
}

}  // namespace
}  // namespace spanheap
