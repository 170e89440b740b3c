// SPDX-License-Identifier: MIT
//
// Rows whose blocks are cleared or grow: calloc, realloc.lin (append in small steps to 1 MiB) and
// realloc.geo (by 1.5 and by 2 in turn up to 32 MiB, one or four buffers side by side). One item is
// one calloc and its free, or one realloc.
#include <cstdlib>
#include <cstring>

#include "bench/micro/micro_rows.h"

namespace spanheap::bench {
namespace {

constexpr std::size_t kPage = 4096;

// Writes one byte into each page of [from, to), as a program that uses its room would.
void TouchPages(char* buffer, std::size_t from, std::size_t to) {
  for (std::size_t at = from; at < to; at += kPage) buffer[at] = 1;
  buffer[to - 1] = 1;
}

// `row.count` blocks live at a time; each page of each is written, as programs do with what they
// asked to be clear.
Sample Calloc(const Row& row, const Plan& plan) {
  MappedArray<void*> slots(row.count);
  return Measure(plan, static_cast<double>(row.count), [&](std::uint64_t n) {
    for (std::uint64_t cycle = 0; cycle < n; ++cycle) {
      for (std::size_t i = 0; i < slots.size(); ++i) {
        auto* block = static_cast<char*>(std::calloc(1, row.size));
        TouchPages(block, 0, row.size);
        slots[i] = block;
      }
      for (std::size_t i = 0; i < slots.size(); ++i) std::free(slots[i]);
    }
  });
}

Sample ClearMemory(const Row& row, const Plan& plan) {
  MappedArray<char> blocks(row.count * row.size, Backing::kOrdinary);
  return Measure(plan, static_cast<double>(row.count), [&](std::uint64_t n) {
    for (std::uint64_t cycle = 0; cycle < n; ++cycle) {
      for (std::size_t i = 0; i < row.count; ++i) {
        char* block = blocks.data() + i * row.size;
        std::memset(block, 0, row.size);
        Escape(block);
        TouchPages(block, 0, row.size);
      }
    }
  });
}

constexpr std::size_t kLinearEnd = 1 << 20;
constexpr std::size_t kGeometricStart = 64;
constexpr std::size_t kGeometricEnd = 32 << 20;
constexpr std::size_t kMaxBuffers = 8;

std::size_t LinearStep(std::size_t step) { return 16 + step * 16 % 64; }  // 16, 32, 48, 64, 16, ...

std::size_t GeometricNext(std::size_t size, std::size_t step) {
  return step % 2 == 0 ? size + size / 2 : size * 2;
}

void GrowLinearly() {
  std::size_t size = 16;
  auto* buffer = static_cast<char*>(std::malloc(size));
  for (std::size_t step = 0; size < kLinearEnd; ++step) {
    size += LinearStep(step);
    buffer = static_cast<char*>(std::realloc(buffer, size));
    buffer[size - 1] = 1;
  }
  std::free(buffer);
}

Sample ReallocLinear(const Row&, const Plan& plan) {
  std::size_t steps = 0;
  for (std::size_t size = 16; size < kLinearEnd; ++steps) size += LinearStep(steps);
  return Measure(plan, static_cast<double>(steps), [](std::uint64_t n) {
    for (std::uint64_t i = 0; i < n; ++i) GrowLinearly();
  });
}

// Grows `buffers` blocks together, one step of each in turn.
void GrowGeometrically(std::size_t buffers) {
  char* buffer[kMaxBuffers];
  for (std::size_t b = 0; b < buffers; ++b)
    buffer[b] = static_cast<char*>(std::malloc(kGeometricStart));
  std::size_t step = 0;
  for (std::size_t size = kGeometricStart; size < kGeometricEnd; ++step) {
    std::size_t next = GeometricNext(size, step);
    if (next > kGeometricEnd) next = kGeometricEnd;
    for (std::size_t b = 0; b < buffers; ++b) {
      buffer[b] = static_cast<char*>(std::realloc(buffer[b], next));
      TouchPages(buffer[b], size, next);
    }
    size = next;
  }
  for (std::size_t b = 0; b < buffers; ++b) std::free(buffer[b]);
}

double GeometricSteps() {
  std::size_t steps = 0;
  for (std::size_t size = kGeometricStart; size < kGeometricEnd; ++steps) {
    size = GeometricNext(size, steps);
  }
  return static_cast<double>(steps);
}

Sample ReallocGeometric(const Row& row, const Plan& plan) {
  return Measure(plan, GeometricSteps() * static_cast<double>(row.count), [&](std::uint64_t n) {
    for (std::uint64_t i = 0; i < n; ++i) GrowGeometrically(row.count);
  });
}

// What growing cannot avoid: each page of each buffer written once, in memory that is there
// already.
Sample TouchEachPage(const Row& row, const Plan& plan) {
  MappedArray<char> buffers(row.count * kGeometricEnd, Backing::kOrdinary);
  return Measure(plan, GeometricSteps() * static_cast<double>(row.count), [&](std::uint64_t n) {
    for (std::uint64_t i = 0; i < n; ++i) TouchPages(buffers.data(), 0, buffers.size());
  });
}

constexpr Row kRows[] = {
    {.name = "calloc.64", .measure = Calloc, .size = 64, .count = 100, .ceiling = ClearMemory},
    {.name = "calloc.4096", .measure = Calloc, .size = 4096, .count = 100, .ceiling = ClearMemory},
    {.name = "calloc.131072",
     .measure = Calloc,
     .size = 131072,
     .count = 4,
     .ceiling = ClearMemory},
    {.name = "calloc.1048576",
     .measure = Calloc,
     .size = 1048576,
     .count = 1,
     .ceiling = ClearMemory},
    {.name = "realloc.lin", .measure = ReallocLinear},
    {.name = "realloc.geo.x1",
     .measure = ReallocGeometric,
     .count = 1,
     .heavy_mib = 96,
     .ceiling = TouchEachPage},
    {.name = "realloc.geo.x4",
     .measure = ReallocGeometric,
     .count = 4,
     .heavy_mib = 256,
     .ceiling = TouchEachPage},
};

}  // namespace

std::span<const Row> GrowRows() { return kRows; }

}  // namespace spanheap::bench
