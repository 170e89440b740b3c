// SPDX-License-Identifier: MIT
#include "spanheap/look/look_json.h"

#include <fmt/core.h>

#include "spanheap/look/collected_render.h"

namespace spanheap::look {
namespace {

constexpr unsigned kVersion = 1;

Json Categories(const Look& look) {
  Json all = Json::object();
  for (size_t i = 0; i < kCategories; ++i) {
    const Part& part = look.account.categories[i];
    Json row = {{"label", LabelOf(static_cast<Category>(i))}, {"mapped_bytes", part.mapped}};
    if (look.account.knows_resident) row["resident_bytes"] = part.resident;
    row["low_bytes"] = look.bounds[i].low;
    row["high_bytes"] = look.bounds[i].high;
    all[KeyOf(static_cast<Category>(i))] = row;
  }
  return all;
}

Json Others(const Account& account) {
  Json all = Json::array();
  for (const OtherMappings& other : account.others) {
    all.push_back({{"label", LabelOf(other.kind)},
                   {"mapped_bytes", other.bytes.mapped},
                   {"resident_bytes", other.bytes.resident}});
  }
  return all;
}

Json Classes(const Look& look) {
  Json all = Json::array();
  for (size_t c = 1; c < look.account.classes.size(); ++c) {
    const ClassAccount& row = look.account.classes[c];
    if ((row.spans | row.cached_blocks) == 0) continue;
    all.push_back({{"class", c},
                   {"block_bytes", row.block_bytes},
                   {"spans", row.spans},
                   {"live_blocks", row.live_blocks},
                   {"cached_blocks", row.cached_blocks},
                   {"free_blocks", row.free_blocks},
                   {"tail_bytes", row.tail_bytes},
                   {"rounding_waste_bytes", row.rounding_waste},
                   {"resident_bytes", row.resident},
                   {"spans_by_use", row.spans_by_use}});
  }
  return all;
}

Json Threads(const Account& account) {
  Json all = Json::array();
  for (const ThreadAccount& row : account.threads) {
    all.push_back({{"address", fmt::format("{:#x}", row.address)},
                   {"id", row.id},
                   {"cached_blocks", row.cached_blocks},
                   {"cached_bytes", row.cached_bytes},
                   {"page_cache_bytes", row.page_cache_bytes},
                   {"refills", row.refills},
                   {"flushes", row.flushes},
                   {"is_shared", row.is_shared},
                   {"is_orphaned", row.is_orphaned}});
  }
  return all;
}

Json Scavenger(const ScavengerImage& scavenger) {
  Json all = {{"in_use_bytes", scavenger.in_use},
              {"peak_bytes", scavenger.peak},
              {"floor_bytes", scavenger.floor},
              {"spent_ns", scavenger.spent_ns},
              {"mib_ns", scavenger.mib_ns}};
  if (!scavenger.knows_more) return all;
  all["goal_bytes"] = scavenger.goal();
  all["credit_ns"] = scavenger.credit_ns;
  all["generation"] = scavenger.generation;
  all["thread"] = scavenger.thread_state();
  all["released_background_bytes"] = scavenger.released[0];
  all["released_eager_bytes"] = scavenger.released[1];
  all["released_limit_bytes"] = scavenger.released[2];
  all["released_forced_bytes"] = scavenger.released[3];
  return all;
}

Json Limits(const LimitImage& limits) {
  Json all = {{"counted_bytes", limits.counted}};
  if (limits.limit != LimitImage::kNone) all["limit_bytes"] = limits.limit;
  if (limits.target != LimitImage::kNone) all["target_bytes"] = limits.target;
  if (limits.ceiling != LimitImage::kNone) all["ceiling_bytes"] = limits.ceiling;
  return all;
}

Json Settings(const HeapImage& image) {
  Json all = Json::object();
  for (const Setting& setting : image.settings) all[setting.name] = setting.value;
  return all;
}

Json Locked(const LockedMemory& locked) {
  Json json = {{"bytes", locked.bytes}};
  if (locked.limit != LockedMemory::kNone) json["limit_bytes"] = locked.limit;
  return json;
}

}  // namespace

Json LookToJson(const Look& look) {
  const Account& account = look.account;
  const CounterImage& counters = look.image.counters;
  Json json = {{"format", "spanheap-look"}, {"version", kVersion}, {"library", look.library}};
  json["program"] = look.program;
  json["process"] = look.pid;
  json["kind"] = look.is_core ? "core" : (look.was_stopped ? "stopped" : "running");
  json["time_s"] = look.seconds;
  json["mapped_bytes"] = account.mapped;
  json["unreconciled_bytes"] = account.unreconciled;
  json["categories"] = Categories(look);
  json["hole_bytes"] = account.hole_bytes;
  json["live_blocks"] = account.live_blocks;
  json["rounding_waste_bytes"] = account.rounding_waste;
  json["large"] = {{"blocks", account.large_blocks}, {"bytes", account.large_bytes}};
  if (!look.is_core) {
    json["process_resident_bytes"] = account.resident;
    json["swapped_bytes"] = account.swapped;
    json["heap_rest_bytes"] = account.heap_rest;
    json["huge_bytes"] = account.huge;
    json["locked"] = Locked(look.locked);
  }
  json["others"] = Others(account);
  json["fragmentation"] = {
      {"span_bytes", counters.small_bytes},
      {"free_in_spans_bytes", account.Of(Category::kFreeInSpans).mapped},
      {"nearly_empty_spans", account.pinned_spans},
      {"nearly_empty_bytes", account.pinned_bytes},
      {"longest_free_run_bytes", look.image.longest_free_run * look.image.page_size}};
  json["counters"] = {{"reserved_bytes", counters.reserved},
                      {"peak_mapped_bytes", counters.peak},
                      {"page_allocations", counters.allocations},
                      {"os_releases", counters.os_releases}};
  json["settings"] = Settings(look.image);
  json["classes"] = Classes(look);
  json["threads"] = Threads(account);
  json["shelf"] = {{"blocks", account.shelf_blocks}, {"bytes", account.shelf_bytes}};
  if (look.image.collected.is_there) {
    json["collected"] = CollectedToJson(look.image.collected.figures, account.collected);
  }
  if (look.image.scavenger.is_known) json["scavenger"] = Scavenger(look.image.scavenger);
  if (look.image.limits.is_known) json["limits"] = Limits(look.image.limits);
  return json;
}

Json MomentToJson(const Look& look) {
  Json json = Json::object();
  for (size_t i = 0; i < kCategories; ++i) {
    const Part& part = look.account.categories[i];
    json[KeyOf(static_cast<Category>(i))] = part.mapped;
  }
  json["mapped_bytes"] = look.account.mapped;
  if (look.account.knows_resident) json["heap_resident_bytes"] = look.account.ResidentSum();
  json["live_blocks"] = look.account.live_blocks;
  json["unreconciled_bytes"] = look.account.unreconciled;
  return json;
}

}  // namespace spanheap::look
