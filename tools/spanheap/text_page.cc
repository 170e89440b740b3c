// SPDX-License-Identifier: MIT
#include "spanheap/text_page.h"

namespace spanheap::tools {

std::string FormatBytes(uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1023.95 && unit + 1 < std::size(kUnits); ++unit) value /= 1024;
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string FormatTime(uint64_t ns) {
  constexpr const char* kUnits[] = {"ns", "us", "ms", "s"};
  if (ns < 1000) return fmt::format("{} ns", ns);
  auto value = static_cast<double>(ns);
  size_t unit = 0;
  for (; value >= 999.5 && unit + 1 < std::size(kUnits); ++unit) value /= 1000;
  return fmt::format("{:.{}f} {}", value, value < 9.995 ? 2 : (value < 99.95 ? 1 : 0),
                     kUnits[unit]);
}

}  // namespace spanheap::tools
