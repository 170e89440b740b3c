// SPDX-License-Identifier: MIT
//
// Report: the heap report a program left at its end, as a person reads it.
//
// Idea.  The library writes JSON; this reads it back, checks that its categories add up to what is
//        mapped, and draws them: one bar per category, one line per size class in use.
// Fails. ReadReport throws std::runtime_error when the file is not a whole report.
// Tests. tests/tools/report_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "spanheap/look/collected_account.h"

namespace spanheap::tools {

struct ClassLine {
  uint64_t block_bytes = 0;
  uint64_t spans = 0;
  uint64_t live_blocks = 0;
  uint64_t cached_blocks = 0;
  uint64_t free_blocks = 0;
};

struct Category {
  std::string name;
  uint64_t bytes = 0;
};

struct Report {
  uint64_t mapped_bytes = 0;
  std::vector<Category> categories;  // in the order they are shown; their sum is mapped_bytes
  std::vector<Category> beside;      // byte counts outside the sum
  std::vector<Category> counts;      // plain numbers
  std::vector<ClassLine> classes;
  bool has_collected = false;
  look::CollectedFigures collected;
  std::vector<look::CollectedClassAccount> collected_classes;

  uint64_t CategorySum() const;
  bool AddsUp() const { return CategorySum() == mapped_bytes; }
};

Report ReadReport(const std::string& path);

// Several lines, the last one ended; `title` is the first.
std::string RenderReport(const Report& report, const std::string& title);

}  // namespace spanheap::tools
