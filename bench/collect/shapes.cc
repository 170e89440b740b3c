// SPDX-License-Identifier: MIT
#include "shapes.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include "runtime/collected_heap.h"
#include "spanheap/detail/barrier.h"

namespace spanheap::bench {
namespace {

constexpr uint64_t kOnePointer = 1;
constexpr uint64_t kTwoPointers = 3;
constexpr uint64_t kFourPointers = 15;

sh_layout Precise(size_t bytes, const uint64_t& bits, const char* name) {
  return {bytes, SH_SCAN_PRECISE, 0, &bits, nullptr, nullptr, name, 0, 0};
}

sh_layout list_node = Precise(32, kOnePointer, "list node");
sh_layout tree_node = Precise(32, kTwoPointers, "tree node");
sh_layout graph_node = Precise(64, kFourPointers, "graph node");
sh_layout pointer = Precise(8, kOnePointer, "pointer");
sh_layout text = {48, SH_SCAN_NONE, 0, nullptr, nullptr, nullptr, "text", 0, 0};

void** New(sh_layout& layout, size_t count = 1) {
  return static_cast<void**>(CollectedHeap::Get()->New(layout, count));
}
void Set(void** slot, void* value) { detail::StorePointer(slot, value); }

void** Tree(unsigned depth) {
  void** const node = New(tree_node);
  if (depth == 0) return node;
  Set(node, Tree(depth - 1));
  Set(node + 1, Tree(depth - 1));
  return node;
}

void* MakeTree(size_t bytes) {
  unsigned depth = 1;
  while ((size_t{64} << depth) < bytes) ++depth;
  return Tree(depth);
}

// In the order of their addresses, or in none.
void* MakeList(size_t bytes, bool shuffle) {
  std::vector<void**> nodes(bytes / list_node.size);
  for (void**& node : nodes) node = New(list_node);
  if (shuffle) std::shuffle(nodes.begin(), nodes.end(), std::minstd_rand(1));
  for (size_t i = 1; i < nodes.size(); ++i) Set(nodes[i - 1], nodes[i]);
  return nodes[0];
}

// One pointer of each node makes a ring in random order, so that all are reached; three lead
// anywhere.
void* MakeGraph(size_t bytes) {
  std::vector<void**> nodes(bytes / graph_node.size);
  for (void**& node : nodes) node = New(graph_node);
  std::minstd_rand random(1);
  std::shuffle(nodes.begin(), nodes.end(), random);
  for (size_t i = 0; i < nodes.size(); ++i) {
    Set(nodes[i], nodes[(i + 1) % nodes.size()]);
    for (int p = 1; p < 4; ++p) Set(nodes[i] + p, nodes[random() % nodes.size()]);
  }
  return nodes[0];
}

// Arrays of 1000 pointers to objects without pointers, under an array of arrays.
void* MakeArrays(size_t bytes) {
  constexpr size_t kLength = 1000;
  const size_t n = bytes / (kLength * (pointer.size + text.size));
  void** const all = New(pointer, n);
  for (size_t i = 0; i < n; ++i) {
    void** const array = New(pointer, kLength);
    Set(all + i, array);
    for (size_t e = 0; e < kLength; ++e) Set(array + e, New(text));
  }
  return all;
}

}  // namespace

const Shape shapes[kShapes] = {
    {"tree, 32 B", MakeTree},
    {"list in order, 32 B", [](size_t bytes) { return MakeList(bytes, false); }},
    {"list in no order, 32 B", [](size_t bytes) { return MakeList(bytes / 4, true); }},
    {"random graph, 64 B", MakeGraph},
    {"random graph of a sixteenth", [](size_t bytes) { return MakeGraph(bytes / 16); }},
    {"arrays of 1000 pointers", MakeArrays},
};

}  // namespace spanheap::bench
