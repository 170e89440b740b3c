// SPDX-License-Identifier: MIT
//
// Row: one thing to measure, with a runner per competitor; runners are timed in turn.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace spanheap::bench {

struct Runner {
  std::string name;                         // bitmap, lists, heap, ...
  std::function<void(uint64_t times)> run;  // does the operation so often
};

struct Row {
  std::string space;      // what the page space looks like
  std::string operation;  // what is done to it
  std::vector<Runner> runners;
  double target_ns = 0;  // of the first runner; 0: none
};

// Rows keep what they measure on alive through their runners.
void AddStrategyRows(std::vector<Row>& rows);
void AddHeapRows(std::vector<Row>& rows);

struct Result {
  std::string space;
  std::string operation;
  std::string runner;
  double median_ns = 0;  // per operation
  double best_ns = 0;
  double target_ns = 0;
};

void PrintTable(const std::vector<Result>& results);
// False: the file could not be written.
bool WriteJson(const std::vector<Result>& results, const std::string& path);

}  // namespace spanheap::bench
