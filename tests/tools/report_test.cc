// SPDX-License-Identifier: MIT
#include "spanheap/report.h"
#include "spanheap/printable.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "spanheap/text_page.h"

namespace spanheap::tools {
namespace {

// A report in which every category has a size of its own, so that none can stand for another.
std::string ReportText(const std::string& mapped) {
  return R"({"format": "spanheap-report", "version": 1, "mapped_bytes": )" + mapped +
         R"(, "live_bytes": 1000000,
    "free_in_spans_bytes": 200000, "thread_cache_bytes": 30000, "page_cache_bytes": 4000,
    "free_pages_bytes": 500, "released_bytes": 60, "metadata_bytes": 7,
    "central_cache_bytes": 0, "collected_bytes": 0,
    "rounding_waste_bytes": 11, "peak_mapped_bytes": 2000000, "reserved_bytes": 1099511627776,
    "threads": 3, "refills": 5, "flushes": 6, "page_allocations": 7, "os_releases": 8,
    "classes": [
      {"block_bytes": 16, "spans": 1, "live_blocks": 75, "cached_blocks": 5, "free_blocks": 20},
      {"block_bytes": 32, "spans": 0, "live_blocks": 0, "cached_blocks": 0, "free_blocks": 0}]})";
}

Report FromText(const std::string& text) {
  const std::string path =
      testing::TempDir() + "spanheap_report_test_" + std::to_string(getpid()) + ".json";
  std::ofstream(path) << text;
  return ReadReport(path);
}

TEST(Report, AddsUpWhenEveryCategoryIsCounted) {
  const Report report = FromText(ReportText("1234567"));
  EXPECT_EQ(report.CategorySum(), 1234567U);
  EXPECT_TRUE(report.AddsUp());
}

TEST(Report, DoesNotAddUpWhenAByteIsMissing) {
  const Report report = FromText(ReportText("1234568"));
  EXPECT_FALSE(report.AddsUp());
  EXPECT_NE(RenderReport(report, "t").find("add up to 1234567 bytes, but 1234568 are mapped"),
            std::string::npos);
}

TEST(Report, ShowsTheClassesInUseOnly) {
  const std::string text = RenderReport(FromText(ReportText("1234567")), "the title");
  EXPECT_EQ(text.find("the title\n"), 0U);
  EXPECT_NE(text.find("75 % ########"), std::string::npos) << text;
  EXPECT_EQ(text.find("\n          32 "), std::string::npos) << text;
  EXPECT_EQ(text.find(" \n"), std::string::npos) << "spaces at the end of a line";
}

TEST(Report, DrawsASmallCategoryAsAtLeastOneMark) {
  const std::string text = RenderReport(FromText(ReportText("1234567")), "t");
  const size_t line = text.find("metadata");
  ASSERT_NE(line, std::string::npos);
  EXPECT_NE(text.substr(line, text.find('\n', line) - line).find('#'), std::string::npos);
}

TEST(Report, RefusesWhatIsCutShortOrOfAnotherVersion) {
  const std::string text = ReportText("1234567");
  EXPECT_THROW(FromText(text.substr(0, text.size() / 2)), std::runtime_error);
  EXPECT_THROW(FromText("{}"), std::runtime_error);
  std::string later = text;
  later.replace(later.find(": 1,"), 4, ": 9,");
  EXPECT_THROW(FromText(later), std::runtime_error);
  EXPECT_THROW(ReadReport("/nonexistent/report"), std::runtime_error);
}

TEST(FormatBytes, ChangesUnitBeforeFourDigits) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(1023), "1023 B");
  EXPECT_EQ(FormatBytes(1024), "1.0 KiB");
  EXPECT_EQ(FormatBytes((uint64_t{1} << 20) - 1), "1.0 MiB");
  EXPECT_EQ(FormatBytes(uint64_t{3} << 39), "1.5 TiB");
}

TEST(FormatTime, HasThreeDigits) {
  EXPECT_EQ(FormatTime(0), "0 ns");
  EXPECT_EQ(FormatTime(999), "999 ns");
  EXPECT_EQ(FormatTime(1234), "1.23 us");
  EXPECT_EQ(FormatTime(45'678'900), "45.7 ms");
  EXPECT_EQ(FormatTime(999'600'000), "1.00 s");
  EXPECT_EQ(FormatTime(123'400'000'000), "123 s");
}

TEST(PrintableTest, ShowsWhatATerminalWouldObey) {
  EXPECT_EQ(Printable(""), "");
  EXPECT_EQ(Printable("a b/c-d"), "a b/c-d");
  EXPECT_EQ(Printable("a\nb\x1b[31m\x7f"), "a\\x0ab\\x1b[31m\\x7f");
  EXPECT_EQ(Printable("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"),
            "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80");
  EXPECT_EQ(Printable("\xc2\x9b"), "\\xc2\\x9b") << "a control of eight bits";
  EXPECT_EQ(Printable("\x9b\xc3"), "\\x9b\\xc3") << "no UTF-8";
  EXPECT_EQ(Printable("\xe0\x80\x9b"), "\\xe0\\x80\\x9b") << "longer than it need be";
}

}  // namespace
}  // namespace spanheap::tools
