// SPDX-License-Identifier: MIT
//
// Threads by the hundred thousand that each use the collected heap for a moment: they come by
// their first object and leave by ending, while cycles run.
//
// Idea.  A thread makes a list that only its stack holds, and checks it. Some leave an object in a
//        shared slot for the next to find. What threads leave behind must not add up: after the
//        storm no more threads are known and hardly more memory is mapped than early in it.
#include <atomic>
#include <thread>
#include <vector>

#include "spanheap/detail/barrier.h"
#include "spanheap/gc_c.h"
#include "support.h"

namespace spanheap::stress {
namespace {

constexpr unsigned kSlots = 64;
constexpr unsigned kLength = 40;
constexpr uint64_t kMostGrowth = 16 << 20;  // records of threads, spans they held

struct Node {
  void* next;
  uintptr_t inverted;
};
constexpr uint64_t kFirst = 1;
sh_layout node_layout = {sizeof(Node), SH_SCAN_PRECISE, 0, &kFirst, nullptr, nullptr, "Node", 0, 0};
sh_layout slots_layout = {8, SH_SCAN_CONSERVATIVE, 0, nullptr, nullptr, nullptr, "slots", 0, 0};

bool IsWhole(const Node* node) { return node->inverted == ~reinterpret_cast<uintptr_t>(node); }

Node* NewNode(Node* next) {
  auto* const node = static_cast<Node*>(sh_gc_new(&node_layout, 1));
  if (node == nullptr) Fail("no memory");
  node->inverted = ~reinterpret_cast<uintptr_t>(node);
  detail::StorePointer(&node->next, next);
  return node;
}

void Live(sh_gc_root* shared, uint64_t seed) {
  Random random(seed);
  Node* head = nullptr;
  for (unsigned i = 0; i < kLength; ++i) head = NewNode(head);
  auto** const slots = static_cast<void**>(detail::LoadPointer(&shared->value));
  auto* const found = static_cast<Node*>(sh_gc_exchange(slots + random.Below(kSlots), head));
  unsigned n = 0;
  for (const Node* node = found; node != nullptr; node = static_cast<Node*>(node->next), ++n) {
    if (!IsWhole(node)) Fail("a node was lost that another thread had left");
  }
  if (n != 0 && n != kLength) Fail("a list of %u nodes", n);
  for (const Node* node = head; node != nullptr; node = static_cast<Node*>(node->next)) {
    if (!IsWhole(node)) Fail("a node was lost");
  }
}

void RunThreads(sh_gc_root* shared, uint64_t first, uint64_t count, unsigned at_once) {
  std::vector<std::thread> threads(at_once);
  for (uint64_t i = 0; i < count; ++i) {
    std::thread& thread = threads[i % at_once];
    if (thread.joinable()) thread.join();
    thread = std::thread(Live, shared, first + i);
    if (i % 2000 == 1999 && sh_gc_verify() != 0) Fail("objects were lost");
  }
  for (std::thread& thread : threads) {
    if (thread.joinable()) thread.join();
  }
  sh_gc_collect();
}

sh_gc_stats ReadStats() {
  sh_gc_stats stats;
  sh_gc_read_stats(&stats, sizeof stats);
  return stats;
}

int Run(const Options& options) {
  sh_gc_root* const shared = sh_gc_root_new(sh_gc_new(&slots_layout, kSlots));
  const uint64_t early = options.count / 10 + options.threads;
  RunThreads(shared, options.seed, early, options.threads);
  const sh_gc_stats before = ReadStats();
  RunThreads(shared, options.seed + early, options.count, options.threads);
  const sh_gc_stats after = ReadStats();
  if (after.threads > before.threads + 1) {
    Fail("%lu threads are known, early in the storm %lu", after.threads, before.threads);
  }
  if (after.mapped_bytes > before.mapped_bytes + kMostGrowth) {
    Fail("%lu bytes are mapped, early in the storm %lu", after.mapped_bytes, before.mapped_bytes);
  }
  return Succeed("%lu threads, %lu cycles, mapped %lu KiB early and %lu KiB late", options.count,
                 after.cycles, before.mapped_bytes >> 10, after.mapped_bytes >> 10);
}

}  // namespace
}  // namespace spanheap::stress

int main(int argc, char** argv) {
  return spanheap::stress::Supervise(argc, argv, {.count = 2000, .threads = 16},
                                     "Starts and ends --count threads on the collected heap.",
                                     spanheap::stress::Run);
}
