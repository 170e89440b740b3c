// SPDX-License-Identifier: MIT
//
// list-storm: a linked list of `nodes` nodes that lasts, which no collector can mark in parallel,
// and `lists` lists of 1000 nodes, made and dropped.
#include "bench/gc/program.h"

namespace spanheap::bench {
namespace {

struct Link {
  heap::Pointer<Link> next;
  std::uint64_t value;
};

Link* MakeList(std::uint64_t length, GapWatch& gaps) {
  Link* first = nullptr;
  for (std::uint64_t i = 0; i < length; ++i) {
    gaps.Tick();
    first = heap::New<Link>(first, i);
  }
  return first;
}

// Adds up its values and lets go of it.
std::uint64_t Finish(Link* link) {
  std::uint64_t sum = 0;
  while (link != nullptr) {
    sum += link->value;
    Link* const next = link->next;
    heap::Free(link);
    link = next;
  }
  return sum;
}

}  // namespace

Outcome ListStorm(std::uint64_t nodes, std::uint64_t lists) {
  constexpr std::uint64_t kShort = 1000;
  GapWatch gaps;
  Outcome outcome;
  Link* const lasting = MakeList(nodes, gaps);
  for (std::uint64_t i = 0; i < lists; ++i) outcome.checksum += Finish(MakeList(kShort, gaps));
  outcome.checksum += Finish(lasting);
  outcome.items = nodes + lists * kShort;
  gaps.AddTo(outcome.gaps);
  return outcome;
}

}  // namespace spanheap::bench
