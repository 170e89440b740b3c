// SPDX-License-Identifier: MIT
//
// Fuzz target: byte scripts as sequences of calls of the malloc face, each by one of the names that
// mean the same, beside a plain model of what the program owns.
//
// Idea.  The model is a map from address to block. After each call: the block lies apart from all
//        other live blocks, is aligned, holds as many bytes as were asked for, keeps its content
//        until it is freed (and through realloc), and is zero where zeros were asked for. At the
//        end everything is freed, the heap verifies itself and counts no more live blocks than
//        before. A script says at which verify level it runs.
#include <cstring>
#include <iterator>
#include <map>
#include <vector>

#include "face_ways.h"
#include "runtime/heap.h"
#include "script_bytes.h"

namespace spanheap::fuzz {
namespace {

constexpr unsigned kMostBits = 27;             // sizes up to 128 MiB
constexpr size_t kMostLive = size_t{1} << 30;  // bytes that a script may own at once
constexpr unsigned kMostBlocks = 3000;

struct Block {
  size_t size = 0;       // asked for
  size_t alignment = 0;  // asked for; 0: none
  size_t usable = 0;     // what malloc_usable_size said at first
  uint64_t tag = 0;      // what its pattern was made of
};

uint8_t PatternAt(uint64_t tag, size_t offset) {
  return static_cast<uint8_t>((tag + offset * 0x9E3779B97F4A7C15U) >> 56);
}

// Far apart in large blocks: a script should not spend its time on page faults.
size_t StepFor(size_t size) {
  if (size <= (64 << 10)) return 7;
  return size <= (1 << 20) ? 4099 : 131'101;
}

// Calls visit(offset) for the places that hold the pattern in a block of `usable` bytes.
template <class Visit>
void ForPlaces(size_t usable, Visit visit) {
  constexpr size_t kEdge = 256;
  for (size_t i = 0; i < usable && i < kEdge; ++i) visit(i);
  for (size_t i = kEdge; i + kEdge < usable; i += StepFor(usable)) visit(i);
  for (size_t i = usable > 2 * kEdge ? usable - kEdge : kEdge; i < usable; ++i) visit(i);
}

class Model {
 public:
  explicit Model(ScriptBytes& script) : script_(script), live_before_(heap::Verify()) {
    Require(heap::SetOption("verify", script_.Byte() % 4 == 0 ? "2" : "1"), "no option verify");
  }

  void Run() {
    while (!script_.at_end()) Step();
    while (!blocks_.empty()) Free(blocks_.begin());
    Verify();
  }

 private:
  using Blocks = std::map<uintptr_t, Block>;

  void Step() {
    const unsigned call = script_.Below(16);
    switch (call) {
      case 0:
      case 1:
      case 2:
        Allocate();
        break;
      case 3:
        AllocateZeroed();
        break;
      case 4:
        AllocateAligned();
        break;
      case 5:
      case 6:
        Reallocate();
        break;
      case 7:
      case 8:
        if (Any()) Free(Pick());
        break;
      case 9:
        if (Any()) FreeSized(Pick());
        break;
      case 10:
        Burst();
        break;
      case 11:
        FreeMany();
        break;
      case 12:
        Ask();
        break;
      case 13:
        AskTooMuch();
        break;
      case 14:
        heap::Trim(script_.Size(24));
        break;
      default:
        if (script_.Byte() < 16) Verify();
        break;
    }
  }

  void Verify() {
    Require(heap::Verify() == live_before_ + blocks_.size(), "live blocks are miscounted");
  }

  bool Any() const { return !blocks_.empty(); }
  // Any live block: chosen by a place in the address space, so that neighbours are chosen often.
  Blocks::iterator Pick() {
    auto found = blocks_.begin();
    std::advance(found, script_.Below(static_cast<uint32_t>(blocks_.size())));
    return found;
  }
  bool MayTake(size_t size) const {
    return blocks_.size() < kMostBlocks && live_bytes_ + size <= kMostLive;
  }

  void Allocate() {
    const size_t size = script_.Size(kMostBits);
    if (MayTake(size)) Add(Take(script_.Byte(), size), size, 0);
  }

  void AllocateZeroed() {
    const size_t size = script_.Size(kMostBits);
    if (!MayTake(size)) return;
    void* start = TakeZeroed(script_.Byte(), size);
    Require(start != nullptr, "no zeroed block");
    const auto* bytes = static_cast<const uint8_t*>(start);
    ForPlaces(size, [&](size_t i) { Require(bytes[i] == 0, "a zeroed block is not zero"); });
    Add(start, size, 0);
  }

  void AllocateAligned() {
    const size_t alignment = size_t{1} << script_.Below(24);
    const size_t size = script_.Size(kMostBits - 3);
    if (!MayTake(size + alignment)) return;
    Add(TakeAligned(script_.Byte(), alignment, size), size, alignment);
  }

  void Reallocate() {
    if (!Any()) return;
    const auto old = Pick();
    const Block block = old->second;
    const size_t size =
        script_.Byte() % 2 == 0 ? script_.Size(kMostBits) + 1 : block.size + script_.Below(300) + 1;
    if (!MayTake(size)) return;
    Check(old);
    void* moved = Resize(script_.Byte(), reinterpret_cast<void*>(old->first), size);
    Require(moved != nullptr, "a realloc is refused");
    Forget(old);
    const auto* bytes = static_cast<const uint8_t*>(moved);
    ForPlaces(block.usable, [&](size_t i) {
      Require(i >= size || bytes[i] == PatternAt(block.tag, i), "realloc lost content");
    });
    Add(moved, size, 0);
  }

  void Free(Blocks::iterator block) {
    Check(block);
    void* start = reinterpret_cast<void*>(block->first);
    Forget(block);
    Give(script_.Byte(), start);
  }

  void FreeSized(Blocks::iterator block) {
    Check(block);
    void* start = reinterpret_cast<void*>(block->first);
    const Block stated = block->second;
    Forget(block);
    GiveSized(script_.Byte(), start, stated.size, stated.alignment);
  }

  // Many blocks of one size: stacks run empty, spans run full.
  void Burst() {
    const size_t size = script_.Size(13);
    for (unsigned i = script_.Byte(); i > 0 && MayTake(size); --i) {
      Add(face_malloc(size), size, 0);
    }
  }

  // Every n-th block, from some address on.
  void FreeMany() {
    const uint32_t every = 1 + script_.Below(4);
    uint32_t left = script_.Byte();
    for (auto block = Any() ? Pick() : blocks_.end(); block != blocks_.end() && left > 0; --left) {
      const auto victim = block;
      for (uint32_t i = 0; i < every && block != blocks_.end(); ++i) ++block;
      Free(victim);
    }
  }

  void Ask() {
    const size_t size = script_.Size(kMostBits);
    Require(face_malloc_good_size(size) >= size, "a good size is too small");
    Require(face_nallocx(size, 0) == face_malloc_good_size(size), "two sizes for the same");
    if (!Any()) return;
    const auto block = Pick();
    Check(block);
    void* start = reinterpret_cast<void*>(block->first);
    Require(heap::Owns(start), "a live block is disowned");
    Require(face_sallocx(start, 0) == block->second.usable, "sallocx says something else");
    Require(face_xallocx(start, size, 0, 0) == block->second.usable, "xallocx resizes");
    Require(heap::Owns(reinterpret_cast<void*>(block->first + block->second.usable - 1)),
            "the end of a live block is disowned");
    Require(!heap::Owns(&script_), "the stack is owned");
  }

  void AskTooMuch() {
    const size_t size = heap::kMaxBlock + 1 + script_.Half();
    RefuseTooMuch(size, 3 + script_.Byte());
    RefuseTooMuch(SIZE_MAX - script_.Byte(), 7);
    if (!Any()) return;
    const auto block = Pick();
    void* start = reinterpret_cast<void*>(block->first);
    RequireRefused(ENOMEM, [&] { return face_realloc(start, size); });
    RequireRefused(ENOMEM, [&] { return face_reallocarray(start, size, 3); });
    RequireRefused(ENOMEM, [&] { return face_rallocx(start, size, 0); });
    Check(block);
  }

  void Add(void* start, size_t size, size_t alignment) {
    Require(start != nullptr, "a block is refused");
    const auto address = reinterpret_cast<uintptr_t>(start);
    const Block block{size, alignment, face_malloc_usable_size(start), address * 31 + ++serial_};
    Require(address % (alignment < heap::kMinAlignment ? heap::kMinAlignment : alignment) == 0,
            "a block is not aligned");
    Require(block.usable >= size && block.usable > 0, "a block is too small");
    RequireApart(address, block.usable);
    auto* bytes = static_cast<uint8_t*>(start);
    ForPlaces(block.usable, [&](size_t i) { bytes[i] = PatternAt(block.tag, i); });
    blocks_.emplace(address, block);
    live_bytes_ += block.usable;
  }

  void RequireApart(uintptr_t address, size_t usable) {
    const auto next = blocks_.lower_bound(address);
    Require(next == blocks_.end() || address + usable <= next->first, "a block overlaps the next");
    if (next == blocks_.begin()) return;
    const auto before = std::prev(next);
    Require(before->first + before->second.usable <= address, "a block overlaps the one before");
  }

  void Check(Blocks::iterator at) {
    const auto& [address, block] = *at;
    auto* bytes = reinterpret_cast<uint8_t*>(address);
    Require(face_malloc_usable_size(bytes) == block.usable, "the usable size changed");
    ForPlaces(block.usable,
              [&](size_t i) { Require(bytes[i] == PatternAt(block.tag, i), "content changed"); });
  }

  void Forget(Blocks::iterator block) {
    live_bytes_ -= block->second.usable;
    blocks_.erase(block);
  }

  ScriptBytes& script_;
  const uint64_t live_before_;
  Blocks blocks_;
  size_t live_bytes_ = 0;
  uint64_t serial_ = 0;
};

}  // namespace
}  // namespace spanheap::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  spanheap::fuzz::ScriptBytes script(data, size);
  spanheap::fuzz::Model(script).Run();
  return 0;
}
