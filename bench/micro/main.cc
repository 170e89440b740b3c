// SPDX-License-Identifier: MIT
//
// micro: one operation of malloc at a time, by named rows. Uses malloc, free, calloc and realloc
// only, so any allocator can be preloaded. Command line: bench/harness/row.h; what each row is:
// bench/README.md.
#include "bench/micro/micro_rows.h"

int main(int argc, char** argv) {
  using namespace spanheap::bench;
  const std::span<const Row> groups[] = {PairRows(), LifetimeRows(), GrowRows(), ThreadRows(),
                                         PlaceRows()};
  return RunRows(groups, argc, argv);
}
