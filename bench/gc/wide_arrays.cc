// SPDX-License-Identifier: MIT
//
// wide-arrays: `arrays` arrays of `width` pointers, every eighth of which leads to a new object of
// 16 bytes; the last 16 arrays live. Large objects that are scanned in slices.
#include "bench/gc/program.h"

namespace spanheap::bench {
namespace {

constexpr std::uint64_t kLasting = 16;
constexpr std::uint64_t kStep = 8;

struct Cell {
  std::uint64_t value, rest;
};
using Slot = heap::Pointer<Cell>;

Slot* MakeArray(std::uint64_t width, std::uint64_t number, GapWatch& gaps) {
  Slot* const array = heap::NewArray<Slot>(width);
  for (std::uint64_t i = 0; i < width; i += kStep) {
    gaps.Tick();
    array[i] = heap::New<Cell>(number + i, i);
  }
  return array;
}

std::uint64_t Finish(Slot* array, std::uint64_t width) {
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < width; i += kStep) {
    sum += array[i]->value;
    heap::Free<Cell>(array[i]);
  }
  heap::Free(array);
  return sum;
}

}  // namespace

Outcome WideArrays(std::uint64_t width, std::uint64_t arrays) {
  GapWatch gaps;
  Outcome outcome;
  auto* const lasting = heap::NewArray<heap::Pointer<Slot>>(kLasting);
  for (std::uint64_t i = 0; i < arrays; ++i) {
    heap::Pointer<Slot>& place = lasting[i % kLasting];
    if (place != nullptr) outcome.checksum += Finish(place, width);
    place = MakeArray(width, i, gaps);
  }
  for (std::uint64_t i = 0; i < kLasting; ++i) {
    if (lasting[i] != nullptr) outcome.checksum += Finish(lasting[i], width);
  }
  heap::Free(lasting);
  outcome.items = arrays * (width / kStep + 1);
  gaps.AddTo(outcome.gaps);
  return outcome;
}

}  // namespace spanheap::bench
