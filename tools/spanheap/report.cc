// SPDX-License-Identifier: MIT
#include "spanheap/report.h"

#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace spanheap::tools {
namespace {

using Json = nlohmann::json;

struct Field {
  const char* key;
  const char* name;
};
constexpr Field kCategories[] = {
    {"live_bytes", "live"},
    {"free_in_spans_bytes", "free in spans"},
    {"thread_cache_bytes", "in thread caches"},
    {"central_cache_bytes", "in central caches"},
    {"page_cache_bytes", "in page caches"},
    {"free_pages_bytes", "free pages"},
    {"released_bytes", "released"},
    {"metadata_bytes", "metadata"},
    {"collected_bytes", "collected heap"},
};
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
constexpr unsigned kBarWidth = 40;

template <size_t kCount>
std::vector<Category> ReadFields(const Json& json, const Field (&fields)[kCount]) {
  std::vector<Category> result;
  for (const Field& field : fields) {
    result.push_back({field.name, json.at(field.key).get<uint64_t>()});
  }
  return result;
}

double Percent(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

std::string Bar(uint64_t part, uint64_t whole, unsigned width) {
  const double exact = Percent(part, whole) / 100 * width;
  const auto length = static_cast<unsigned>(exact + 0.5);
  return std::string(part > 0 ? std::max(length, 1U) : 0, '#');
}

// One line, without spaces at its end.
template <class... Parts>
std::string Line(fmt::format_string<Parts...> format, Parts&&... parts) {
  std::string line = fmt::format(format, std::forward<Parts>(parts)...);
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

std::string RenderCategories(const Report& report) {
  std::string text;
  for (const Category& category : report.categories) {
    text += Line("  {:<26}{:>12}{:>8.1f} %  {}", category.name, FormatBytes(category.bytes),
                 Percent(category.bytes, report.mapped_bytes),
                 Bar(category.bytes, report.mapped_bytes, kBarWidth));
  }
  text +=
      Line("  {:<26}{:>12}{:>8.1f} %", "mapped (the sum)", FormatBytes(report.mapped_bytes), 100.0);
  if (!report.AddsUp()) {
    text += Line("  the categories add up to {} bytes, but {} are mapped", report.CategorySum(),
                 report.mapped_bytes);
  }
  return text;
}

std::string RenderNumbers(const Report& report) {
  std::string text;
  for (const Category& category : report.beside) {
    text += Line("  {:<26}{:>12}", category.name, FormatBytes(category.bytes));
  }
  for (const Category& category : report.counts) {
    text += Line("  {:<26}{:>12}", category.name, category.bytes);
  }
  return text;
}

std::string RenderClass(const ClassLine& line) {
  const uint64_t slots = line.live_blocks + line.cached_blocks + line.free_blocks;
  return Line("  {:>10} {:>8} {:>12} {:>10} {:>10} {:>12} {:>5.0f} % {}", line.block_bytes,
              line.spans, line.live_blocks, line.cached_blocks, line.free_blocks,
              FormatBytes(line.live_blocks * line.block_bytes), Percent(line.live_blocks, slots),
              Bar(line.live_blocks, slots, 10));
}

std::string RenderClasses(const Report& report) {
  std::string text = Line("  {:>10} {:>8} {:>12} {:>10} {:>10} {:>12} {:>7}", "block size", "spans",
                          "live", "cached", "free", "live bytes", "in use");
  for (const ClassLine& line : report.classes) {
    if (line.spans + line.live_blocks + line.cached_blocks > 0) text += RenderClass(line);
  }
  return text;
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
  return title + "\n" + RenderCategories(report) + "\n" + RenderNumbers(report) + "\n" +
         RenderClasses(report);
}

std::string FormatBytes(uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1023.95 && unit + 1 < std::size(kUnits); ++unit) value /= 1024;
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

}  // namespace spanheap::tools
