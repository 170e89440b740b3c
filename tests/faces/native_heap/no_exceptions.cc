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

struct Counted {
  Counted() : number(++made) {}
  ~Counted() {}
  int number;
  static inline int made = 0;
  SH_LAYOUT(Counted);
};

int main() {
  spanheap::Root<Node> list;
  for (int i = 0; i < 1000; ++i) list = spanheap::New<Node>(list, i);
  const Counted* const counted = spanheap::NewArray<Counted>(3);
  const std::vector<int, spanheap::Allocator<int>> numbers(3, 1);
  const std::pmr::memory_resource* const resource = spanheap::heap_resource();
  spanheap::Collect();
  if (list->value != 999 || counted[2].number != 3 || numbers[2] != 1) return 1;
  if (!resource->is_equal(*spanheap::heap_resource())) return 2;
  std::signal(SIGABRT, [](int) { _exit(0); });
  spanheap::NewArray<char>(SIZE_MAX / 2);
  return 3;
}
