// SPDX-License-Identifier: MIT
#include "spanheap/report.h"

#include <fmt/core.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "spanheap/detail/report_names.h"
#include "spanheap/look/collected_render.h"
#include "spanheap/text_page.h"

namespace spanheap::tools {
namespace {

using Json = nlohmann::json;

struct Field {
  const char* key;
  const char* name;
};
#define SPANHEAP_CATEGORY_FIELD(name, label) {#name, label},
constexpr Field kCategories[] = {SH_HEAP_CATEGORIES(SPANHEAP_CATEGORY_FIELD)};
constexpr Field kBeside[] = {
    {"rounding_waste_bytes", "rounding waste (in live)"},
    {"peak_mapped_bytes", "peak mapped"},
    {"reserved_bytes", "address space reserved"},
};
constexpr Field kCounts[] = {
    {"threads", "threads attached"},       {"refills", "thread cache refills"},
    {"flushes", "thread cache flushes"},   {"page_allocations", "page allocations (locked)"},
    {"os_releases", "releases to the OS"},
};
constexpr const char* kKnownFormat = "spanheap-report";
constexpr uint64_t kKnownVersion = 1;
constexpr size_t kBarWidth = 40;

template <size_t kCount>
std::vector<Category> ReadFields(const Json& json, const Field (&fields)[kCount]) {
  std::vector<Category> result;
  for (const Field& field : fields) {
    result.push_back({field.name, json.at(field.key).get<uint64_t>()});
  }
  return result;
}

void AddCategories(TextPage& page, const Report& report) {
  const auto add = [&](const std::string& name, uint64_t bytes, size_t bar) {
    page.Line("  {:<26}{:>12}{:>8.1f} %  {}", name, FormatBytes(bytes),
              Percent(bytes, report.mapped_bytes), Bar(bytes, report.mapped_bytes, bar));
  };
  for (const Category& category : report.categories) add(category.name, category.bytes, kBarWidth);
  add("mapped (the sum)", report.mapped_bytes, 0);
  if (!report.AddsUp()) {
    page.Line("  the categories add up to {} bytes, but {} are mapped", report.CategorySum(),
              report.mapped_bytes);
  }
}

void AddNumbers(TextPage& page, const Report& report) {
  for (const Category& category : report.beside) {
    page.Line("  {:<26}{:>12}", category.name, FormatBytes(category.bytes));
  }
  for (const Category& category : report.counts) {
    page.Line("  {:<26}{:>12}", category.name, category.bytes);
  }
}

void AddClass(TextPage& page, const ClassLine& line) {
  const uint64_t slots = line.live_blocks + line.cached_blocks + line.free_blocks;
  page.Line("  {:>10} {:>8} {:>12} {:>10} {:>10} {:>12} {:>5.0f} % {}", line.block_bytes,
            line.spans, line.live_blocks, line.cached_blocks, line.free_blocks,
            FormatBytes(line.live_blocks * line.block_bytes), Percent(line.live_blocks, slots),
            Bar(line.live_blocks, slots, 10));
}

void AddClasses(TextPage& page, const Report& report) {
  page.Line("  {:>10} {:>8} {:>12} {:>10} {:>10} {:>12} {:>7}", "block size", "spans", "live",
            "cached", "free", "live bytes", "in use");
  for (const ClassLine& line : report.classes) {
    if (line.spans + line.live_blocks + line.cached_blocks > 0) AddClass(page, line);
  }
}

Report FromJson(const Json& json) {
  if (json.at("format") != kKnownFormat) throw std::runtime_error("this is no heap report");
  if (json.at("version").get<uint64_t>() != kKnownVersion) {
    throw std::runtime_error(fmt::format("version {} of the heap report is not known",
                                         json.at("version").get<uint64_t>()));
  }
  Report report;
  report.mapped_bytes = json.at("mapped_bytes").get<uint64_t>();
  report.categories = ReadFields(json, kCategories);
  report.beside = ReadFields(json, kBeside);
  report.counts = ReadFields(json, kCounts);
  for (const Json& line : json.at("classes")) {
    report.classes.push_back(
        {line.at("block_bytes").get<uint64_t>(), line.at("spans").get<uint64_t>(),
         line.at("live_blocks").get<uint64_t>(), line.at("cached_blocks").get<uint64_t>(),
         line.at("free_blocks").get<uint64_t>()});
  }
  if (const auto collected = json.find("collected"); collected != json.end()) {
    look::CollectedFromJson(*collected, report.collected, report.collected_classes);
    report.has_collected = report.collected.cycles != 0 || !report.collected_classes.empty();
  }
  return report;
}

}  // namespace

uint64_t Report::CategorySum() const {
  uint64_t sum = 0;
  for (const Category& category : categories) sum += category.bytes;
  return sum;
}

Report ReadReport(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("there is no heap report");
  try {
    return FromJson(Json::parse(file));
  } catch (const Json::exception& error) {
    throw std::runtime_error(fmt::format("the heap report is not whole: {}", error.what()));
  }
}

std::string RenderReport(const Report& report, const std::string& title) {
  TextPage page;
  page.Line("{}", title);
  AddCategories(page, report);
  page.Gap();
  AddNumbers(page, report);
  page.Gap();
  AddClasses(page, report);
  if (report.has_collected) {
    look::AddCollected(page, report.collected, report.collected_classes, 0);
  }
  return page.Take();
}

}  // namespace spanheap::tools
