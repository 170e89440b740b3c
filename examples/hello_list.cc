// SPDX-License-Identifier: MIT
//
// Hello, list: objects that nobody frees. A million nodes are linked and dropped; the heap stays
// small.
#include <spanheap/gc.h>

#include <cstdio>

using namespace spanheap;

struct Node {
  Ptr<Node> next;
  int value;
};

// A list of `count` nodes, 1 at its head.
Node* MakeList(int count) {
  Node* head = nullptr;
  for (int value = count; value > 0; --value) head = New<Node>(head, value);
  return head;
}

long Sum(const Node* list) {
  long sum = 0;
  for (; list != nullptr; list = list->next) sum += list->value;
  return sum;
}

int main() {
  Root<Node> kept = MakeList(1000);
  for (int i = 0; i < 1000; ++i) MakeList(1000);  // garbage
  Collect();
  const GcStats stats = ReadGcStats();
  std::printf("sum %ld, %llu cycles, %llu KiB live\n", Sum(kept),
              static_cast<unsigned long long>(stats.cycles),
              static_cast<unsigned long long>(stats.live_bytes >> 10));
  return Sum(kept) == 500500 && stats.live_bytes < (1 << 20) ? 0 : 1;
}
