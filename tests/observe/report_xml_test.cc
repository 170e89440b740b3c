// SPDX-License-Identifier: MIT
//
// The XML is well formed (elements close in order, attributes are quoted) and its totals are those
// of the report.
#include "observe/report_xml.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "observe/report_samples.h"

namespace spanheap {
namespace {

std::string Xml(const HeapReport& report) {
  return Rendered([&](TextSink& sink) { WriteReportXml(report, sink); });
}

// True if `text` is any number of ` name="value"`.
bool AreAttributes(const std::string& text) {
  size_t at = 0;
  while (at < text.size()) {
    const size_t equals = text.find("=\"", at);
    if (text[at] != ' ' || equals == text.npos || equals == at + 1) return false;
    const size_t end = text.find('"', equals + 2);
    if (end == text.npos) return false;
    at = end + 1;
  }
  return true;
}

// Takes the content of one tag; false if it does not fit what is open.
bool TakeTag(std::string tag, std::vector<std::string>& open) {
  if (!tag.empty() && tag.front() == '/') {
    if (open.empty() || open.back() != tag.substr(1)) return false;
    open.pop_back();
    return true;
  }
  const bool is_empty = !tag.empty() && tag.back() == '/';
  if (is_empty) tag.pop_back();
  const std::string name = tag.substr(0, tag.find(' '));
  if (!is_empty) open.push_back(name);
  return !name.empty() && AreAttributes(tag.substr(name.size()));
}

// Empty if `xml` is one element with properly nested ones inside, else where that ends.
std::string Malformed(const std::string& xml) {
  std::vector<std::string> open;
  size_t at = 0;
  do {
    const size_t end = xml.find('>', at);
    if (xml[at] != '<' || end == xml.npos || !TakeTag(xml.substr(at + 1, end - at - 1), open)) {
      return xml.substr(at, 40);
    }
    at = std::min(xml.find_first_not_of(" \n", end + 1), xml.size());
  } while (at < xml.size() && !open.empty());
  return open.empty() ? xml.substr(at) : "the end";
}

TEST(ReportXmlTest, IsWellFormed) {
  EXPECT_EQ(Malformed(Xml(SampleReport())), "");
  EXPECT_EQ(Malformed(Xml(HeapReport{})), "");
  EXPECT_EQ(Malformed(Xml(HugeReport())), "");
  EXPECT_NE(Malformed("<a><b></a></b>"), "");
  EXPECT_NE(Malformed("<a b=c/>"), "");
  EXPECT_NE(Malformed("<a>"), "");
  EXPECT_NE(Malformed("<a/><b/>"), "");
  EXPECT_EQ(Malformed("<a b=\"c\"><d/></a>"), "");
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
  const uint64_t rest = report.free_in_spans_bytes + report.free_pages_bytes +
                        report.page_cache_bytes + report.central_cache_bytes;
  EXPECT_NE(xml.find("<total type=\"fast\" count=\"24\" size=\"1536\"/>"), xml.npos);
  EXPECT_NE(xml.find("<total type=\"rest\" count=\"1165\" size=\"" + std::to_string(rest) + "\"/>"),
            xml.npos);
  const uint64_t current = report.mapped_bytes - report.released_bytes;
  EXPECT_NE(xml.find("<system type=\"current\" size=\"" + std::to_string(current) + "\"/>"),
            xml.npos);
}

}  // namespace
}  // namespace spanheap
