// SPDX-License-Identifier: MIT
#include "spanheap/look/look_text.h"

#include <fmt/core.h>

#include <algorithm>

#include "spanheap/look/collected_render.h"
#include "spanheap/printable.h"
#include "spanheap/text_page.h"

namespace spanheap::look {
namespace {

using tools::Bar;
using tools::FormatBytes;
using tools::Percent;
using tools::TextPage;

constexpr size_t kBarWidth = 32;

std::string HowTaken(const Look& look) {
  if (look.is_core) return "";
  return look.was_stopped ? ", stopped at a quiet moment" : ", as it runs";
}

void AddShare(TextPage& page, const Look& look, const char* label, const Part& part,
              uint64_t whole) {
  const Account& account = look.account;
  const std::string resident = account.knows_resident ? FormatBytes(part.resident) : "-";
  const uint64_t shown = account.knows_resident ? part.resident : part.mapped;
  page.Line("  {:<22}{:>12}{:>12}  {}", label, FormatBytes(part.mapped), resident,
            Bar(shown, whole, kBarWidth));
}

void AddSum(TextPage& page, const Look& look, const char* label, const Part& part) {
  page.Line("  {:<22}{:>12}{:>12}", label, FormatBytes(part.mapped),
            look.account.knows_resident || part.resident != 0 ? FormatBytes(part.resident) : "-");
}

void AddHeap(TextPage& page, const Look& look) {
  const Account& account = look.account;
  const uint64_t whole =
      account.knows_resident ? std::max(account.resident, account.ResidentSum()) : account.mapped;
  page.Line("  {:<22}{:>12}{:>12}", "the heap", "mapped", "resident");
  for (size_t i = 0; i < kCategories; ++i) {
    AddShare(page, look, LabelOf(static_cast<Category>(i)), account.categories[i], whole);
  }
  if (account.heap_rest != 0) AddShare(page, look, "in no category", {0, account.heap_rest}, whole);
  AddSum(page, look, "the heap (sum)", {account.MappedSum(), account.ResidentSum()});
  if (account.others.empty()) return;
  page.Gap();
  Part sum{account.MappedSum(), account.ResidentSum() + account.heap_rest};
  page.Line("  beside the heap");
  for (const OtherMappings& other : account.others) {
    AddShare(page, look, LabelOf(other.kind), other.bytes, whole);
    sum.mapped += other.bytes.mapped;
    sum.resident += other.bytes.resident;
  }
  AddSum(page, look, "the process (sum)", sum);
}

// How far the reading may be off.
void AddTrust(TextPage& page, const Look& look) {
  const Account& account = look.account;
  page.Gap();
  page.Line("  counted by the heap       {:>14} bytes mapped", account.mapped);
  page.Line("  unreconciled              {:>14} bytes ({:.2f} %)", account.unreconciled,
            Percent(account.unreconciled, account.mapped));
  if (!look.is_core) {
    page.Line("  resident, by the kernel   {:>14} bytes", account.resident);
  }
  if (look.is_core || look.was_stopped) return;
  for (size_t i = 0; i < kCategories; ++i) {
    if (look.bounds[i].low == look.bounds[i].high) continue;
    page.Line("  {} moved between {} and {} while it was read", LabelOf(static_cast<Category>(i)),
              FormatBytes(look.bounds[i].low), FormatBytes(look.bounds[i].high));
  }
}

void AddFragmentation(TextPage& page, const Look& look) {
  const Account& account = look.account;
  const uint64_t free_slots = account.Of(Category::kFreeInSpans).mapped;
  uint64_t tails = 0;
  for (const ClassAccount& row : account.classes) tails += row.tail_bytes;
  const uint64_t in_spans = look.image.counters.small_bytes;
  page.Gap();
  page.Line("  fragmentation");
  page.Line("    free in spans     {:>11}  {:.1f} % of what spans take; {} of it tails",
            FormatBytes(free_slots), Percent(free_slots, in_spans), FormatBytes(tails));
  page.Line("    rounding waste    {:>11}  in live blocks, estimated",
            FormatBytes(account.rounding_waste));
  page.Line("    nearly empty      {:>11}  in {} spans with at most a tenth of their slots live",
            FormatBytes(account.pinned_bytes), account.pinned_spans);
  page.Line("    longest free run  {:>11}  of free and released pages in a row",
            FormatBytes(look.image.longest_free_run * look.image.page_size));
  if (account.knows_resident) {
    page.Line("    on huge pages     {:>11}  of the heap's resident bytes",
              FormatBytes(account.huge));
  }
}

void AddScavengerState(TextPage& page, const ScavengerImage& scavenger) {
  page.Line("    goal              {:>11}  may stay backed; generation {}",
            FormatBytes(scavenger.goal()), scavenger.generation);
  const bool owes = scavenger.credit_ns < 0;
  const auto credit = static_cast<uint64_t>(scavenger.credit_ns);
  const uint64_t credit_ns = owes ? 0 - credit : credit;
  page.Line("    credit            {:>11}  of processor time{}; thread: {}",
            tools::FormatTime(credit_ns), owes ? " owed" : "", scavenger.thread_state());
  page.Line("    so far            {:>11}  unasked, {} after growth, {} for a limit, {} by a call",
            FormatBytes(scavenger.released[0]), FormatBytes(scavenger.released[1]),
            FormatBytes(scavenger.released[2]), FormatBytes(scavenger.released[3]));
}

void AddLimits(TextPage& page, const LimitImage& limits) {
  if (limits.limit == LimitImage::kNone && limits.ceiling == LimitImage::kNone) return;
  const auto text = [](uint64_t bytes) {
    return bytes == LimitImage::kNone ? std::string("none") : FormatBytes(bytes);
  };
  page.Line("    limits count      {:>11}  soft {} (kept below {}), hard {}",
            FormatBytes(limits.counted), text(limits.limit), text(limits.target),
            text(limits.ceiling));
}

void AddLocked(TextPage& page, const LockedMemory& locked) {
  if (locked.bytes == 0) return;
  const std::string limit =
      locked.limit == LockedMemory::kNone ? "none" : FormatBytes(locked.limit);
  page.Line("    locked            {:>11}  of addresses, limit {}: their memory stays",
            FormatBytes(locked.bytes), limit);
}

void AddScavenger(TextPage& page, const Look& look) {
  const Account& account = look.account;
  page.Gap();
  page.Line("  given back");
  page.Line("    released          {:>11}  in {} calls so far",
            FormatBytes(account.Of(Category::kReleased).mapped), look.image.counters.os_releases);
  page.Line("    could be          {:>11}  free pages and central caches",
            FormatBytes(account.Of(Category::kFreePages).mapped +
                        account.Of(Category::kCentralCache).mapped));
  const ScavengerImage& scavenger = look.image.scavenger;
  if (scavenger.is_known) {
    page.Line("    in use            {:>11}  {} at the peak of late, which decays",
              FormatBytes(scavenger.in_use), FormatBytes(scavenger.peak));
    page.Line("    processor time    {:>11}  for all of it; {} for a MiB",
              tools::FormatTime(scavenger.spent_ns), tools::FormatTime(scavenger.mib_ns));
  }
  if (scavenger.knows_more) AddScavengerState(page, scavenger);
  AddLimits(page, look.image.limits);
  AddLocked(page, look.locked);
  page.Line("    peak mapped       {:>11}", FormatBytes(look.image.counters.peak));
}

bool IsInUse(const ClassAccount& row) { return (row.spans | row.cached_blocks) != 0; }

void AddClasses(TextPage& page, const Look& look, size_t rows) {
  std::vector<const ClassAccount*> used;
  for (const ClassAccount& row : look.account.classes) {
    if (IsInUse(row)) used.push_back(&row);
  }
  const size_t all = used.size();
  if (rows != 0 && all > rows) {
    std::sort(used.begin(), used.end(), [](const ClassAccount* a, const ClassAccount* b) {
      return a->resident > b->resident;
    });
    used.resize(rows);
  }
  page.Gap();
  page.Line("  {:>10}{:>9}{:>13}{:>10}{:>11}{:>12}{:>9}", "block size", "spans", "live", "cached",
            "free", "live bytes", "in use");
  for (const ClassAccount* row : used) {
    const uint64_t slots = row->live_blocks + row->cached_blocks + row->free_blocks;
    page.Line("  {:>10}{:>9}{:>13}{:>10}{:>11}{:>12}{:>7.1f} %  {}", row->block_bytes, row->spans,
              row->live_blocks, row->cached_blocks, row->free_blocks,
              FormatBytes(row->live_blocks * row->block_bytes), Percent(row->live_blocks, slots),
              Bar(row->live_blocks, slots, 10));
  }
  if (used.size() < all) page.Line("  and {} more classes", all - used.size());
  if (look.account.large_blocks != 0) {
    page.Line("  {:>10}{:>9}{:>13}{:>10}{:>11}{:>12}", "large", "", look.account.large_blocks, "",
              "", FormatBytes(look.account.large_bytes));
  }
}

std::string NameOf(const ThreadAccount& row) {
  if (row.is_shared) return "of no thread";
  return row.id != 0 ? fmt::format("thread {}", row.id) : fmt::format("{:#x}", row.address);
}

void AddThreads(TextPage& page, const Look& look, size_t rows) {
  std::vector<const ThreadAccount*> threads;
  for (const ThreadAccount& row : look.account.threads) {
    if (!row.is_shared || row.cached_blocks != 0) threads.push_back(&row);
  }
  std::sort(threads.begin(), threads.end(), [](const ThreadAccount* a, const ThreadAccount* b) {
    return a->cached_bytes + a->page_cache_bytes > b->cached_bytes + b->page_cache_bytes;
  });
  const size_t all = threads.size();
  if (rows != 0) threads.resize(std::min(all, rows));
  page.Gap();
  page.Line("  {:<18}{:>10}{:>12}{:>13}{:>12}{:>12}", "thread cache", "blocks", "bytes",
            "free pages", "refills", "flushes");
  for (const ThreadAccount* row : threads) {
    page.Line("  {:<18}{:>10}{:>12}{:>13}{:>12}{:>12}{}", NameOf(*row), row->cached_blocks,
              FormatBytes(row->cached_bytes), FormatBytes(row->page_cache_bytes), row->refills,
              row->flushes, row->is_orphaned ? "  its thread was lost in a fork" : "");
  }
  page.Line("  {:<18}{:>10}{:>12}", "the shared shelf", look.account.shelf_blocks,
            FormatBytes(look.account.shelf_bytes));
  if (threads.size() < all) page.Line("  and {} more threads", all - threads.size());
}

}  // namespace

std::string RenderLook(const Look& look, size_t rows) {
  TextPage page;
  page.Line("spanheap: memory of {}{}", tools::Printable(look.source), HowTaken(look));
  AddHeap(page, look);
  AddTrust(page, look);
  AddFragmentation(page, look);
  AddScavenger(page, look);
  AddClasses(page, look, rows);
  if (look.image.collected.is_there) {
    AddCollected(page, look.image.collected.figures, look.account.collected, rows);
  }
  AddThreads(page, look, rows);
  return page.Take();
}

}  // namespace spanheap::look
