// SPDX-License-Identifier: MIT
//
// TextPage: lines of text with sizes, shares and bars in them, as the command prints them.
//
// Tests. tests/tools/report_test.cc.
#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>
#include <utility>

namespace spanheap::tools {

// "12.3 MiB"; whole numbers below 1 KiB.
std::string FormatBytes(uint64_t bytes);
// "1.23 ms": three digits or more, in the largest unit that leaves one before the point.
std::string FormatTime(uint64_t ns);

inline double Percent(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

// As long as the part's share of `width`; at least one mark if there is a part.
inline std::string Bar(uint64_t part, uint64_t whole, size_t width) {
  if (part == 0 || whole == 0 || width == 0) return "";
  const double exact = std::min(Percent(part, whole), 100.0) / 100 * static_cast<double>(width);
  return std::string(std::clamp<size_t>(static_cast<size_t>(exact + 0.5), 1, width), '#');
}

class TextPage {
 public:
  // Spaces at its end are dropped.
  template <class... Values>
  void Line(fmt::format_string<Values...> format, Values&&... values) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Values>(values)...);
    while (!text_.empty() && text_.back() == ' ') text_.pop_back();
    text_ += '\n';
  }
  void Gap() { text_ += '\n'; }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

}  // namespace spanheap::tools
