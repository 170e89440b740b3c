// SPDX-License-Identifier: MIT
//
// A graph that changes all the time, under a memory limit: without one the heap would grow to twice
// what lives, and here the collector works as often as it takes to stay below.
#include <spanheap/gc.h>

#include <algorithm>
#include <cstdio>
#include <random>

using namespace spanheap;

constexpr std::size_t kNodes = 100'000;
constexpr int64_t kLimit = 36_MiB;

struct Node {
  Ptr<Node> edges[2];
  uint64_t number;
  uint64_t payload[13];
};

class Graph {
 public:
  Graph() { nodes_.resize(kNodes); }

  // A node takes the place of another, which lives on as long as edges lead to it; its own edges
  // end, or each would keep all that ever was before it.
  void Replace(std::size_t number) {
    Node* const node = New<Node>();
    node->number = number;
    for (Ptr<Node>& edge : node->edges) edge = nodes_[random_() % kNodes];
    Ptr<Node>& place = nodes_[number];
    if (place != nullptr) std::fill(std::begin(place->edges), std::end(place->edges), nullptr);
    place = node;
  }
  bool IsWhole() const {
    for (std::size_t i = 0; i < kNodes; ++i) {
      if (nodes_[i] == nullptr || nodes_[i]->number != i) return false;
      for (const Ptr<Node>& edge : nodes_[i]->edges) {
        if (edge != nullptr && edge->number >= kNodes) return false;
      }
    }
    return true;
  }

 private:
  Vector<Ptr<Node>> nodes_;
  std::minstd_rand random_;
  SH_LAYOUT(Graph, nodes_);
};

int main() {
  SetMemoryLimit(kLimit);
  Root<Graph> graph = New<Graph>();
  for (std::size_t i = 0; i < kNodes; ++i) graph->Replace(i);
  uint64_t most = 0;
  for (std::size_t i = 0; i < 10 * kNodes; ++i) {
    graph->Replace(i * 7919 % kNodes);
    if (i % 1000 == 0) most = std::max(most, ReadGcStats().mapped_bytes);
  }
  const GcStats stats = ReadGcStats();
  std::printf("%llu cycles, at most %llu KiB of %lld\n",
              static_cast<unsigned long long>(stats.cycles),
              static_cast<unsigned long long>(most >> 10), static_cast<long long>(kLimit >> 10));
  const bool obeyed = most <= static_cast<uint64_t>(kLimit) * 103 / 100;
  return obeyed && stats.cycles > 2 && graph->IsWhole() ? 0 : 1;
}
