// SPDX-License-Identifier: MIT
#include "spanheap/look/collected_render.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "spanheap/detail/report_names.h"

namespace spanheap::look {
namespace {

using tools::FormatBytes;
using tools::FormatTime;
using tools::TextPage;

std::string ObjectSize(const CollectedClassAccount& row) {
  return row.block_bytes == 0 ? "large" : std::to_string(row.block_bytes);
}

std::string OrNone(uint64_t bytes) { return bytes == 0 ? "none" : FormatBytes(bytes); }

// The time that `percent` of those counted stay below, to the next power of two; 0: none counted.
uint64_t TimeAbove(const std::vector<uint64_t>& counts, uint64_t percent) {
  const uint64_t all = std::accumulate(counts.begin(), counts.end(), uint64_t{0});
  uint64_t below = 0;
  for (size_t i = 0; i < counts.size() && all != 0; ++i) {
    below += counts[i];
    if (below * 100 >= all * percent) return uint64_t{2} << i;
  }
  return 0;
}

void AddTimes(TextPage& page, const char* label, const std::vector<uint64_t>& counts) {
  if (TimeAbove(counts, 100) == 0) return;
  page.Line("    {:<18}{:>11}  half below {}, 99 % below {}, all below {}", label,
            std::accumulate(counts.begin(), counts.end(), uint64_t{0}),
            FormatTime(TimeAbove(counts, 50)), FormatTime(TimeAbove(counts, 99)),
            FormatTime(TimeAbove(counts, 100)));
}

void AddFigures(TextPage& page, const CollectedFigures& f) {
  constexpr const char* kPhases[] = {"between cycles", "marking", "ending a mark"};
  page.Line("    live now          {:>11}  {} after the last mark, in {} objects",
            FormatBytes(f.live_bytes), FormatBytes(f.marked_bytes), f.marked_objects);
  page.Line("    goal              {:>11}  the next cycle begins at {}", OrNone(f.goal_bytes),
            OrNone(f.trigger_bytes));
  page.Line("    cycles            {:>11}  {} asked for; now {}", f.cycles, f.forced_cycles,
            f.phase < 3 ? kPhases[f.phase] : "in an unknown phase");
  page.Line("    the last took     {:>11}  to mark, stops of {} and {}", FormatTime(f.last_mark_ns),
            FormatTime(f.last_stop1_ns), FormatTime(f.last_stop2_ns));
  page.Line("    stops took        {:>11}  the longest {}", FormatTime(f.stop_total_ns),
            FormatTime(f.stop_max_ns));
  AddTimes(page, "stops", f.stop_times);
  AddTimes(page, "assists", f.assist_times);
  page.Line("    processor time    {:>11}  in the background, {} in assists",
            FormatTime(f.background_ns), FormatTime(f.assist_ns));
  page.Line("    allocated so far  {:>11}  freed {}; {} threads known",
            FormatBytes(f.allocated_bytes), FormatBytes(f.freed_bytes), f.threads);
  if (f.unswept_spans != 0) page.Line("    to be swept       {:>11}  spans", f.unswept_spans);
  if (f.external_bytes != 0) {
    page.Line("    held elsewhere    {:>11}  by objects", FormatBytes(f.external_bytes));
  }
}

}  // namespace

nlohmann::json CollectedToJson(const CollectedFigures& figures,
                               const std::vector<CollectedClassAccount>& classes) {
  nlohmann::json json = nlohmann::json::object();
#define SPANHEAP_FIGURE(name, label) json[#name] = figures.name;
  SH_COLLECTED_SIZES(SPANHEAP_FIGURE)
  SH_COLLECTED_COUNTS(SPANHEAP_FIGURE)
  SH_COLLECTED_TIMES(SPANHEAP_FIGURE)
  SH_COLLECTED_HISTOGRAMS(SPANHEAP_FIGURE)
#undef SPANHEAP_FIGURE
  json["classes"] = nlohmann::json::array();
  for (const CollectedClassAccount& row : classes) {
    nlohmann::json each = {{"resident_bytes", row.resident}, {"spans_by_use", row.spans_by_use}};
#define SPANHEAP_COLUMN(name, label) each[#name] = row.name;
    SH_COLLECTED_CLASS(SPANHEAP_COLUMN)
#undef SPANHEAP_COLUMN
    json["classes"].push_back(each);
  }
  return json;
}

void CollectedFromJson(const nlohmann::json& json, CollectedFigures& figures,
                       std::vector<CollectedClassAccount>& classes) {
#define SPANHEAP_FIGURE(name, label) json.at(#name).get_to(figures.name);
  SH_COLLECTED_SIZES(SPANHEAP_FIGURE)
  SH_COLLECTED_COUNTS(SPANHEAP_FIGURE)
  SH_COLLECTED_TIMES(SPANHEAP_FIGURE)
  SH_COLLECTED_HISTOGRAMS(SPANHEAP_FIGURE)
#undef SPANHEAP_FIGURE
  for (const nlohmann::json& each : json.at("classes")) {
    CollectedClassAccount row;
#define SPANHEAP_COLUMN(name, label) each.at(#name).get_to(row.name);
    SH_COLLECTED_CLASS(SPANHEAP_COLUMN)
#undef SPANHEAP_COLUMN
    classes.push_back(row);
  }
}

void AddCollected(TextPage& page, const CollectedFigures& figures,
                  std::vector<CollectedClassAccount> classes, size_t rows) {
  page.Gap();
  page.Line("  the collected heap");
  AddFigures(page, figures);
  const size_t all = classes.size();
  if (rows != 0 && all > rows) {
    std::sort(classes.begin(), classes.end(),
              [](const auto& a, const auto& b) { return a.span_bytes > b.span_bytes; });
    classes.resize(rows);
  }
  page.Gap();
  page.Line("  {:>11}{:>9}{:>8}{:>12}{:>10}{:>8}{:>10}{:>12}{:>9}", "object size", "pointers",
            "spans", "live", "dead", "cached", "free", "live bytes", "in use");
  for (const CollectedClassAccount& row : classes) {
    page.Line("  {:>11}{:>9}{:>8}{:>12}{:>10}{:>8}{:>10}{:>12}{:>7.1f} %  {}", ObjectSize(row),
              row.has_pointers != 0 ? "yes" : "no", row.spans, row.live_objects, row.dead_objects,
              row.cached_objects, row.free_objects, FormatBytes(row.live_bytes),
              tools::Percent(row.live_bytes, row.span_bytes),
              tools::Bar(row.live_bytes, row.span_bytes, 10));
  }
  if (classes.size() < all) page.Line("  and {} more classes", all - classes.size());
}

}  // namespace spanheap::look
