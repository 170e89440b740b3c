// SPDX-License-Identifier: MIT
#include <cstdio>

#include "bench/pages/row.h"

namespace spanheap::bench {

void PrintTable(const std::vector<Result>& results) {
  std::printf("| space | operation | strategy | ns, median | ns, best | target |\n");
  std::printf("|---|---|---|---:|---:|---:|\n");
  for (const Result& r : results) {
    std::printf("| %s | %s | %s | %.1f | %.1f |", r.space.c_str(), r.operation.c_str(),
                r.runner.c_str(), r.median_ns, r.best_ns);
    if (r.target_ns != 0) {
      std::printf(" %.0f%s |\n", r.target_ns, r.median_ns <= r.target_ns ? "" : " MISSED");
    } else {
      std::printf(" |\n");
    }
  }
}

bool WriteJson(const std::vector<Result>& results, const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  if (file == nullptr) return false;
  std::fprintf(file, "{\"unit\": \"ns per operation\", \"rows\": [");
  const char* separator = "\n";
  for (const Result& r : results) {
    std::fprintf(file,
                 "%s {\"space\": \"%s\", \"operation\": \"%s\", \"strategy\": \"%s\", "
                 "\"median\": %.2f, \"best\": %.2f, \"target\": %.0f}",
                 separator, r.space.c_str(), r.operation.c_str(), r.runner.c_str(), r.median_ns,
                 r.best_ns, r.target_ns);
    separator = ",\n";
  }
  std::fprintf(file, "\n]}\n");
  return std::fclose(file) == 0;
}

}  // namespace spanheap::bench
