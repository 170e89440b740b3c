// SPDX-License-Identifier: MIT
//
// A program of a house without exceptions and without types at run time, as runtimes of languages
// are: it is compiled like that, and ends with a line where others would get an exception.
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <vector>

#include "spanheap/gc.h"
#include "spanheap/memory.h"

struct Node {
  spanheap::Ptr<Node> next;
  int value;
};

// Its elements are made one by one, and destroyed.
struct Made {
  Made() : number(7) {}
  ~Made() {}
  int number;
  SH_LAYOUT(Made);
};

int main() {
  spanheap::Root<Node> list;
  for (int i = 0; i < 1000; ++i) list = spanheap::New<Node>(list, i);
  const Made* const made = spanheap::NewArray<Made>(3);
  const std::vector<int, spanheap::Allocator<int>> numbers(3, 1);
  const std::pmr::memory_resource* const resource = spanheap::heap_resource();
  spanheap::Collect();
  if (list->value != 999 || made[2].number != 7 || numbers[2] != 1) return 1;
  if (!resource->is_equal(*spanheap::heap_resource())) return 2;
  std::signal(SIGABRT, [](int) { _exit(0); });
  spanheap::NewArray<char>(SIZE_MAX / 2);
  return 3;
}
