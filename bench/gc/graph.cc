// SPDX-License-Identifier: MIT
//
// graph: `nodes` nodes of 64 bytes in a table, each with a leaf of 64 bytes and four edges to
// random nodes; then `changes` changes, every other one of an edge, the rest of a leaf, which is
// made anew. 128 bytes and a table's word live for each node.
#include "bench/gc/program.h"
#include "bench/harness/random.h"

namespace spanheap::bench {
namespace {

constexpr unsigned kEdges = 4;

struct Leaf {
  std::uint64_t value;
  std::uint64_t rest[7];
};
struct Node {
  heap::Pointer<Node> edges[kEdges];
  heap::Pointer<Leaf> leaf;
  std::uint64_t number, rest[2];
};
static_assert(sizeof(Leaf) == 64 && sizeof(Node) == 64);
using Table = heap::Pointer<Node>*;

Leaf* NewLeaf(std::uint64_t value) {
  Leaf* const leaf = heap::New<Leaf>();
  leaf->value = value;
  return leaf;
}

void Build(Table table, std::uint64_t nodes, Random& random, GapWatch& gaps) {
  for (std::uint64_t i = 0; i < nodes; ++i) {
    gaps.Tick();
    Node* const node = heap::New<Node>();
    node->number = i;
    node->leaf = NewLeaf(i);
    table[i] = node;
  }
  for (std::uint64_t i = 0; i < nodes; ++i) {
    gaps.Tick();
    for (auto& edge : table[i]->edges) edge = table[random.Below(nodes)];
  }
}

std::uint64_t Change(Table table, std::uint64_t nodes, std::uint64_t step, Random& random) {
  Node* const node = table[random.Below(nodes)];
  if (step % 2 == 0) {
    auto& edge = node->edges[step / 2 % kEdges];
    const std::uint64_t seen = edge->number;
    edge = table[random.Below(nodes)];
    return seen;
  }
  const std::uint64_t seen = node->leaf->value;
  heap::Free<Leaf>(node->leaf);
  node->leaf = NewLeaf(seen + step);
  return seen;
}

void FreeAll([[maybe_unused]] Table table, [[maybe_unused]] std::uint64_t nodes) {
  if constexpr (!heap::kCollects) {
    for (std::uint64_t i = 0; i < nodes; ++i) {
      heap::Free<Leaf>(table[i]->leaf);
      heap::Free<Node>(table[i]);
    }
    heap::Free(table);
  }
}

}  // namespace

Outcome RandomGraph(std::uint64_t nodes, std::uint64_t changes) {
  GapWatch gaps;
  Random random(1);
  const Table table = heap::NewArray<heap::Pointer<Node>>(nodes);
  Build(table, nodes, random, gaps);
  Outcome outcome;
  for (std::uint64_t i = 0; i < changes; ++i) {
    gaps.Tick();
    outcome.checksum += Change(table, nodes, i, random);
  }
  outcome.items = 2 * nodes + changes;
  gaps.AddTo(outcome.gaps);
  FreeAll(table, nodes);
  return outcome;
}

}  // namespace spanheap::bench
