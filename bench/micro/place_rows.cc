// SPDX-License-Identifier: MIT
//
// Rows about where blocks lie: locality (a list built in a heap full of holes, then walked), touch
// (memory filled for the first time) and density (resident bytes per requested byte of blocks that
// are written whole).
#include <cstdlib>
#include <cstring>
#include <new>

#include "bench/harness/resident.h"
#include "bench/micro/micro_rows.h"

namespace spanheap::bench {
namespace {

struct Node {
  Node* next;
  std::uint64_t payload[7];
};

constexpr std::size_t kNodes = 200000;

// Fills the heap with twice as many blocks as there will be nodes and frees every second one at
// random.
void MakeHoles(MappedArray<void*>& blocks, std::uint64_t seed) {
  MappedArray<std::uint32_t> order(blocks.size());
  Shuffle(order, seed);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    blocks[i] = std::malloc(sizeof(Node));
    *static_cast<std::uint64_t*>(blocks[i]) = i;
  }
  for (std::size_t i = 0; i < blocks.size() / 2; ++i) {
    std::free(blocks[order[i]]);
    blocks[order[i]] = nullptr;
  }
}

void FreeAll(MappedArray<void*>& blocks) {
  for (std::size_t i = 0; i < blocks.size(); ++i) std::free(blocks[i]);
}

Node* BuildList(std::size_t count) {
  Node* head = nullptr;
  Node** link = &head;
  for (std::size_t i = 0; i < count; ++i) {
    auto* node = static_cast<Node*>(std::malloc(sizeof(Node)));
    node->next = nullptr;
    node->payload[0] = i;
    *link = node;
    link = &node->next;
  }
  return head;
}

void FreeList(Node* node) {
  while (node != nullptr) {
    Node* next = node->next;
    std::free(node);
    node = next;
  }
}

std::uint64_t Walk(const Node* node) {
  std::uint64_t sum = 0;
  for (; node != nullptr; node = node->next) sum += node->payload[0];
  return sum;
}

Sample MeasureWalk(const Plan& plan, const Node* head) {
  return Measure(plan, static_cast<double>(kNodes), [&](std::uint64_t n) {
    for (std::uint64_t i = 0; i < n; ++i) Escape(Walk(head));
  });
}

Sample LocalityWalk(const Row&, const Plan& plan) {
  MappedArray<void*> blocks(kNodes * 2);
  MakeHoles(blocks, 37);
  Node* head = BuildList(kNodes);
  const Sample sample = MeasureWalk(plan, head);
  FreeList(head);
  FreeAll(blocks);
  return sample;
}

// The list in the same number of holes, which are filled in the order of their addresses.
Sample WalkInOrder(const Row&, const Plan& plan) {
  MappedArray<Node> nodes(kNodes * 2, Backing::kOrdinary);
  MappedArray<std::uint32_t> order(nodes.size());
  Shuffle(order, 37);
  for (std::size_t i = 0; i < kNodes; ++i) nodes[order[i]].payload[0] = 1;
  Node* head = nullptr;
  for (std::size_t i = nodes.size(); i-- > 0;) {
    if (nodes[i].payload[0] != 0) head = new (&nodes[i]) Node{head, {1}};
  }
  return MeasureWalk(plan, head);
}

// Only the building is timed; each repetition makes its own holes.
Sample LocalityBuild(const Row&, const Plan& plan) {
  double values[kMaxRepetitions];
  for (int i = 0; i < plan.repetitions; ++i) {
    MappedArray<void*> blocks(kNodes * 2);
    MakeHoles(blocks, 41 + static_cast<std::uint64_t>(i));
    const double start = CpuNs();
    Node* head = BuildList(kNodes);
    values[i] = (CpuNs() - start) / static_cast<double>(kNodes);
    FreeList(head);
    FreeAll(blocks);
  }
  return MedianOf(values, plan.repetitions);
}

constexpr std::size_t kFillBytes = 128 << 20;

// Allocates and writes blocks until 128 MiB are requested: nanoseconds per KiB, and resident per
// requested.
struct Filling {
  double ns_per_kib;
  double resident_ratio;
};

template <class SizeAt>
Filling Fill(SizeAt size_at) {
  constexpr std::size_t kSmallest = 16;
  MappedArray<void*> blocks(kFillBytes / kSmallest + 1, Backing::kHuge);
  std::free(std::malloc(size_at(0)));  // the allocator's own start is not the blocks' cost
  const std::uint64_t before = ResidentBytes();
  const double start = CpuNs();
  std::size_t requested = 0;
  std::size_t count = 0;
  for (; requested < kFillBytes; ++count) {
    const std::size_t size = size_at(count);
    blocks[count] = std::malloc(size);
    std::memset(blocks[count], 1, size);
    requested += size;
  }
  const double elapsed = CpuNs() - start;
  const std::uint64_t after = ResidentBytes();
  for (std::size_t i = 0; i < count; ++i) std::free(blocks[i]);
  const double bytes = static_cast<double>(requested);
  return {elapsed / (bytes / 1024), static_cast<double>(after - before) / bytes};
}

Filling FillRow(const Row& row) {
  if (row.size != 0) return Fill([size = row.size](std::uint64_t) { return size; });
  const SizeTable sizes(row.mix, 43);
  return Fill([&](std::uint64_t i) { return sizes.At(i); });
}

// The first filling of the process is the only one that counts.
Sample Density(const Row& row, const Plan&) { return {FillRow(row).resident_ratio, 0}; }
Sample FirstTouch(const Row& row, const Plan&) { return {FillRow(row).ns_per_kib, 0}; }

Sample TouchFreshMemory(const Row&, const Plan&) {
  const double start = CpuNs();
  void* fresh =
      mmap(nullptr, kFillBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (fresh == MAP_FAILED) return {};
  madvise(fresh, kFillBytes, MADV_HUGEPAGE);
  std::memset(fresh, 1, kFillBytes);
  return {(CpuNs() - start) / (kFillBytes / 1024.0), 0};
}

constexpr Row DensityOf(const char* name, std::uint64_t size, Mix mix = Mix::kSmall) {
  return {.name = name,
          .measure = Density,
          .size = size,
          .mix = mix,
          .heavy_mib = 320,
          .kind = Kind::kDensity,
          .unit = "x"};
}

constexpr Row kRows[] = {
    {.name = "locality.build", .measure = LocalityBuild, .heavy_mib = 64},
    {.name = "locality.walk", .measure = LocalityWalk, .heavy_mib = 64, .ceiling = WalkInOrder},
    {.name = "touch.web",
     .measure = FirstTouch,
     .mix = Mix::kWeb,
     .heavy_mib = 256,
     .ceiling = TouchFreshMemory,
     .unit = "ns/KiB"},
    {.name = "touch.grow",
     .measure = FirstTouch,
     .size = 256,
     .heavy_mib = 256,
     .ceiling = TouchFreshMemory,
     .unit = "ns/KiB"},
    DensityOf("density.16", 16),
    DensityOf("density.40", 40),
    DensityOf("density.72", 72),
    DensityOf("density.136", 136),
    DensityOf("density.1100", 1100),
    DensityOf("density.5000", 5000),
    DensityOf("density.20000", 20000),
    DensityOf("density.70000", 70000),
    DensityOf("density.small", 0, Mix::kSmall),
    DensityOf("density.mixed", 0, Mix::kMixed),
    DensityOf("density.web", 0, Mix::kWeb),
};

}  // namespace

std::span<const Row> PlaceRows() { return kRows; }

}  // namespace spanheap::bench
