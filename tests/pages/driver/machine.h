// SPDX-License-Identifier: MIT
//
// Machine: what a script can ask of the page layer, in the script's page numbers. One
// implementation per page strategy; no memory lies behind the pages.
//
// Fails. ScriptError says what was expected of a command that makes no sense now.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "pages/page_bitmap.h"
#include "pages/run_summary.h"

namespace spanheap::script {

struct ScriptError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The script's first chunk lies at 192 GiB, a multiple of what a root entry covers; page numbers
// are relative to it.
inline constexpr uint64_t kMaxChunk = (uint64_t{1} << 21) - 1;
inline constexpr unsigned kLevels = 5;
inline constexpr uint64_t kMaxAlignment = uint64_t{1} << 21;

struct Taken {
  uint64_t page = 0;
  uint64_t scavenged = 0;  // pages
};
struct Block {
  uint64_t base = 0;  // page
  uint64_t free = 0;  // a bit per page
  uint64_t scavenged = 0;
};
struct ChunkBits {
  uint64_t chunk = 0;
  PageBitmap used;
  PageBitmap scavenged;
};
struct Range {
  uint64_t begin = 0;  // chunks
  uint64_t end = 0;
};

class Machine {
 public:
  virtual ~Machine() = default;

  virtual void Chunk(uint64_t chunk, const PageBitmap& used, const PageBitmap& scavenged) = 0;
  virtual std::optional<Taken> Allocate(uint64_t pages) = 0;
  // At a page whose number is a multiple of `alignment`, a power of two of at most kMaxAlignment.
  virtual std::optional<Taken> AllocateAligned(uint64_t pages, uint64_t alignment) = 0;
  virtual void Free(uint64_t page, uint64_t count) = 0;
  virtual std::optional<Block> Take(uint64_t cache) = 0;
  virtual std::optional<Taken> CacheAllocate(uint64_t cache, uint64_t pages) = 0;
  virtual void Flush(uint64_t cache) = 0;
  virtual uint64_t Scavenge(uint64_t at_most) = 0;
  // The index is at most that of kMaxChunk's entry.
  virtual RunSummary Summary(unsigned level, uint64_t index) = 0;
  virtual std::vector<ChunkBits> Dump() = 0;
  virtual std::vector<Range> InUse() = 0;
  // Aborts if something is wrong.
  virtual void Verify() = 0;
};

// Bitmaps under five levels of summaries: answers as the Go runtime's page allocator.
std::unique_ptr<Machine> MakeBitmapMachine();
// The page heap of Go 1.8.
std::unique_ptr<Machine> MakeFreeListMachine();

}  // namespace spanheap::script
