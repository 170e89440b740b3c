// SPDX-License-Identifier: MIT
//
// The XML is well formed (elements close in order, attributes are quoted) and its totals are those
// of the report.
#include "observe/report_xml.h"

#include <gtest/gtest.h>

#include <regex>
#include <string>
#include <vector>

#include "observe/report_samples.h"

namespace spanheap {
namespace {

std::string Xml(const HeapReport& report) {
  return Rendered([&](TextSink& sink) { WriteReportXml(report, sink); });
}

// Empty if `xml` is one element with properly nested ones inside, else what is wrong.
std::string Malformed(const std::string& xml) {
  static const std::regex kTag(R"(<(/?)([a-z]+)((?: [a-z]+="[^"<>]*")*)(/?)>\s*)");
  std::vector<std::string> open;
  auto at = xml.cbegin();
  std::smatch tag;
  while (at != xml.cend()) {
    if (!std::regex_search(at, xml.cend(), tag, kTag, std::regex_constants::match_continuous)) {
      return "no tag at: " + std::string(at, xml.cend()).substr(0, 40);
    }
    if (tag[1].matched && tag[1].length() > 0) {
      if (open.empty() || open.back() != tag[2]) return "unexpected end of " + tag[2].str();
      open.pop_back();
    } else if (tag[4].length() == 0) {
      open.push_back(tag[2]);
    }
    at = tag[0].second;
    if (open.empty() && at != xml.cend()) return "text after the root";
  }
  return open.empty() ? "" : "open at the end: " + open.back();
}

TEST(ReportXmlTest, IsWellFormed) {
  EXPECT_EQ(Malformed(Xml(SampleReport())), "");
  EXPECT_EQ(Malformed(Xml(HeapReport{})), "");
  EXPECT_EQ(Malformed(Xml(HugeReport())), "");
  EXPECT_NE(Malformed("<a><b></a></b>"), "");
  EXPECT_NE(Malformed("<a b=c/>"), "");
}

TEST(ReportXmlTest, HasTheRootThatReadersOfGlibcExpect) {
  EXPECT_EQ(Xml(SampleReport()).rfind("<malloc version=\"1\">\n<heap nr=\"0\">\n<sizes>\n", 0), 0U);
}

TEST(ReportXmlTest, ListsFreeBlocksByTheSizesTheyServe) {
  const std::string xml = Xml(SampleReport());
  EXPECT_NE(xml.find("<size from=\"1\" to=\"16\" total=\"16384\" count=\"1024\"/>"), xml.npos);
  EXPECT_NE(xml.find("<size from=\"33\" to=\"48\" total=\"7920\" count=\"165\"/>"), xml.npos);
  EXPECT_EQ(xml.find("to=\"32\""), xml.npos);  // no free block
}

TEST(ReportXmlTest, TotalsAreThoseOfTheReport) {
  const HeapReport report = SampleReport();
  const std::string xml = Xml(report);
  const uint64_t rest =
      report.free_in_spans_bytes + report.free_pages_bytes + report.page_cache_bytes;
  EXPECT_NE(xml.find("<total type=\"fast\" count=\"24\" size=\"1536\"/>"), xml.npos);
  EXPECT_NE(xml.find("<total type=\"rest\" count=\"1165\" size=\"" + std::to_string(rest) + "\"/>"),
            xml.npos);
  const uint64_t current = report.mapped_bytes - report.released_bytes;
  EXPECT_NE(xml.find("<system type=\"current\" size=\"" + std::to_string(current) + "\"/>"),
            xml.npos);
}

}  // namespace
}  // namespace spanheap
