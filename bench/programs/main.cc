// SPDX-License-Identifier: MIT
//
// programs: small programs in the shapes that the field compares allocators with, by named rows.
// Command line: bench/harness/row.h; what each row is: bench/README.md.
#include "bench/programs/program_rows.h"

int main(int argc, char** argv) {
  using namespace spanheap::bench;
  const std::span<const Row> groups[] = {ServerRows(), MessageRows(), SharingRows(), IdleRows()};
  return RunRows(groups, argc, argv);
}
