// SPDX-License-Identifier: MIT
#include "spanheap/look/residency.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

namespace spanheap::look {
namespace {

// PAGEMAP_SCAN as Linux 6.7 defines it, for headers older than that.
constexpr uint64_t kIsPresent = 1 << 3;
constexpr uint64_t kIsZeroPage = 1 << 5;
constexpr uint64_t kIsHuge = 1 << 6;
struct PageRegion {
  uint64_t start;
  uint64_t end;
  uint64_t categories;
};
struct ScanRequest {
  uint64_t size;
  uint64_t flags;
  uint64_t start;
  uint64_t end;
  uint64_t walk_end;
  uint64_t regions;
  uint64_t region_count;
  uint64_t max_pages;
  uint64_t category_inverted;
  uint64_t category_mask;
  uint64_t category_anyof_mask;
  uint64_t return_mask;
};
constexpr unsigned long kPagemapScan = _IOWR('f', 16, ScanRequest);
constexpr uint64_t kEntryPresent = uint64_t{1} << 63;

void Append(std::vector<AddressSpan>& ranges, uint64_t start, uint64_t end) {
  if (!ranges.empty() && ranges.back().end == start) {
    ranges.back().end = end;
  } else {
    ranges.push_back({start, end});
  }
}

}  // namespace

Residency::Residency(pid_t pid, const std::vector<AddressSpan>& stretches) {
  const int descriptor = open(fmt::format("/proc/{}/pagemap", pid).c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return;
  is_known_ = true;
  for (const AddressSpan& stretch : stretches) {
    const uint64_t rest = Scan(descriptor, stretch);
    if (rest < stretch.end && !ReadEach(descriptor, {rest, stretch.end})) is_known_ = false;
  }
  close(descriptor);
}

// Returns where the kernel stops telling: at the start where it does not know the call.
// It may have told more than walk_end says: that is where an earlier one of its own steps ended, of
// 512 regions each, if the last step came to the end of the stretch (seen on Linux 6.18).
uint64_t Residency::Scan(int descriptor, AddressSpan stretch) {
  std::vector<PageRegion> regions(4096);
  ScanRequest request = {};
  request.size = sizeof(request);
  request.end = stretch.end;
  request.regions = reinterpret_cast<uint64_t>(regions.data());
  request.region_count = regions.size();
  request.category_inverted = kIsZeroPage;
  request.category_mask = kIsPresent | kIsZeroPage;
  request.return_mask = kIsHuge;
  request.start = stretch.start;
  while (request.start < stretch.end) {
    const int count = ioctl(descriptor, kPagemapScan, &request);
    if (count < 0) break;
    for (int i = 0; i < count; ++i) {
      const PageRegion& region = regions[static_cast<size_t>(i)];
      Append(resident_, region.start, region.end);
      if ((region.categories & kIsHuge) != 0) Append(huge_, region.start, region.end);
    }
    const bool is_all = static_cast<size_t>(count) < regions.size();
    request.start = is_all ? stretch.end : std::max(request.walk_end, regions.back().end);
  }
  return request.start;
}

bool Residency::ReadEach(int descriptor, AddressSpan stretch) {
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  std::vector<uint64_t> entries(1 << 16);
  for (uint64_t at = stretch.start; at < stretch.end;) {
    const size_t want = std::min<size_t>(entries.size(), (stretch.end - at) / page);
    const ssize_t got = pread(descriptor, entries.data(), want * sizeof(uint64_t),
                              static_cast<off_t>(at / page * sizeof(uint64_t)));
    if (got <= 0 || want == 0) return false;
    for (size_t i = 0; i < static_cast<size_t>(got) / sizeof(uint64_t); ++i, at += page) {
      if ((entries[i] & kEntryPresent) != 0) Append(resident_, at, at + page);
    }
  }
  return true;
}

uint64_t Residency::Sum(const std::vector<AddressSpan>& ranges, uint64_t start, uint64_t end) {
  auto range = std::upper_bound(ranges.begin(), ranges.end(), start,
                                [](uint64_t a, const AddressSpan& r) { return a < r.end; });
  uint64_t sum = 0;
  for (; range != ranges.end() && range->start < end; ++range) {
    sum += std::min(range->end, end) - std::max(range->start, start);
  }
  return sum;
}

}  // namespace spanheap::look
