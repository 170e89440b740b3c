// SPDX-License-Identifier: MIT
#include "support.h"

#include <dlfcn.h>
#include <malloc.h>
#include <time.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace spanheap::stress {
namespace {

constexpr size_t kDenseLimit = 64 << 10;  // blocks up to here are filled to the last byte
constexpr size_t kSparseStep = 1 << 10;   // above, a word at each multiple of this
constexpr size_t kWord = sizeof(uint64_t);

uint64_t WordAt(uintptr_t tag, size_t offset) {
  return (tag + offset + 1) * 0x9E3779B97F4A7C15U ^ (offset << 1);
}

size_t StepFor(size_t size) { return size <= kDenseLimit ? kWord : kSparseStep; }

void CheckBytes(const char* block, size_t size, uintptr_t tag, size_t offset, size_t bytes) {
  const uint64_t expected = WordAt(tag, offset);
  if (memcmp(block + offset, &expected, bytes) == 0) return;
  uint64_t found = 0;
  memcpy(&found, block + offset, bytes);
  Fail("block %p of %zu bytes holds 0x%lx instead of 0x%lx at offset %zu",
       static_cast<const void*>(block), size, found, expected, offset);
}

// The heap's interface, all null under another heap.
struct Interface {
  uint64_t (*verify)() = nullptr;
  int (*set)(const char*, const char*) = nullptr;
  ptrdiff_t (*get)(const char*, char*, size_t) = nullptr;
  int (*release)() = nullptr;
  size_t (*stats)(char*, size_t) = nullptr;
};

template <class Function>
void LookUp(const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name));
}

const Interface& TheInterface() {
  static const Interface found = [] {
    Interface i;
    LookUp("sh_verify", i.verify);
    LookUp("sh_set", i.set);
    LookUp("sh_get", i.get);
    LookUp("sh_release_memory", i.release);
    LookUp("sh_stats_json", i.stats);
    return i;
  }();
  return found;
}

void PrintLine(FILE* to, const char* state, const char* format, va_list arguments) {
  char what[900];
  vsnprintf(what, sizeof what, format, arguments);
  char line[1024];
  const int length =
      snprintf(line, sizeof line, "%s: %s, %s, heap %s\n", ProgramName(), state, what, HeapName());
  const ssize_t ignored = write(fileno(to), line, static_cast<size_t>(length));
  (void)ignored;
}

}  // namespace

void Fill(void* block, size_t size, uintptr_t tag) {
  char* bytes = static_cast<char*>(block);
  const size_t step = StepFor(size);
  size_t offset = 0;
  for (; offset + kWord <= size; offset += step) {
    const uint64_t word = WordAt(tag, offset);
    memcpy(bytes + offset, &word, kWord);
  }
  if (size < kWord || size > kDenseLimit) offset = size < kWord ? 0 : size - kWord;
  if (offset < size) {
    const uint64_t word = WordAt(tag, offset);
    memcpy(bytes + offset, &word, size - offset);
  }
}

void CheckFilled(const void* block, size_t size, uintptr_t tag, size_t checked) {
  const char* bytes = static_cast<const char*>(block);
  const size_t step = StepFor(size);
  // In a large block the last word may overlap the last step: the tail was written last.
  const size_t steps_end = size > kDenseLimit ? size - kWord : size;
  for (size_t offset = 0; offset < checked && offset < steps_end; offset += step) {
    const size_t end = offset + kWord < steps_end ? offset + kWord : steps_end;
    CheckBytes(bytes, size, tag, offset, (end < checked ? end : checked) - offset);
  }
  if (size > kDenseLimit && checked == size) CheckBytes(bytes, size, tag, size - kWord, kWord);
}

void CheckZero(const void* block, size_t size) {
  const char* bytes = static_cast<const char*>(block);
  const size_t step = size <= (1 << 20) ? 1 : 64;
  for (size_t offset = 0; offset < size; offset += step) {
    if (bytes[offset] != 0) {
      Fail("calloc: block %p of %zu bytes is not zero at offset %zu", block, size, offset);
    }
  }
}

Block TakeBlock(Random& random, unsigned size_bits) {
  const size_t size = random.Size(size_bits);
  const uint64_t kind = random.Below(8);
  if (kind == 0) {
    const size_t alignment = size_t{8} << random.Below(18);  // 8 B .. 1 MiB
    return TakeAligned(random, alignment, size);
  }
  Block block{kind == 1 ? calloc(1, size) : malloc(size), size};
  if (block.start == nullptr) return block;
  if (kind == 1) CheckZero(block.start, size);
  // The slack behind a block belongs to the program as well.
  if (kind == 2) block.size = malloc_usable_size(block.start);
  if (block.size < size) Fail("usable size %zu of a block of %zu bytes", block.size, size);
  Fill(block.start, block.size, reinterpret_cast<uintptr_t>(block.start));
  return block;
}

Block TakeAligned(Random& random, size_t alignment, size_t size) {
  Block block{nullptr, size};
  if (random.OneIn(2)) {
    block.start = aligned_alloc(alignment, size);
  } else if (posix_memalign(&block.start, alignment, size) != 0) {
    block.start = nullptr;
  }
  if (block.start == nullptr) return block;
  const uintptr_t address = reinterpret_cast<uintptr_t>(block.start);
  if (address % alignment != 0) Fail("block %p is not aligned to %zu", block.start, alignment);
  Fill(block.start, size, address);
  return block;
}

void ResizeBlock(Block& block, size_t size) {
  const uintptr_t tag = reinterpret_cast<uintptr_t>(block.start);
  void* moved = realloc(block.start, size);
  if (moved == nullptr) {  // refused: nothing may have changed
    CheckFilled(block.start, block.size, tag, block.size);
    return;
  }
  CheckFilled(moved, block.size, tag, size < block.size ? size : block.size);
  block = {moved, size};
  Fill(moved, size, reinterpret_cast<uintptr_t>(moved));
}

void DropBlock(Block& block) {
  if (block.start == nullptr) return;
  CheckFilled(block.start, block.size, reinterpret_cast<uintptr_t>(block.start), block.size);
  free(block.start);
  block = {};
}

bool IsSpanheap() { return TheInterface().verify != nullptr; }
const char* HeapName() { return IsSpanheap() ? "spanheap (verified)" : "libc (not verified)"; }
uint64_t VerifyHeap() { return IsSpanheap() ? TheInterface().verify() : 0; }

bool SetHeapOption(const char* name, const char* value) {
  return TheInterface().set != nullptr && TheInterface().set(name, value) == 0;
}

bool GetHeapOption(const char* name, char* value, size_t capacity) {
  return TheInterface().get != nullptr && TheInterface().get(name, value, capacity) >= 0;
}

void ReleaseHeapMemory() {
  if (TheInterface().release != nullptr) TheInterface().release();
}

int64_t HeapStatistic(const char* key) {
  static char text[256 << 10];
  if (TheInterface().stats == nullptr) return -1;
  TheInterface().stats(text, sizeof text);
  char quoted[64];
  snprintf(quoted, sizeof quoted, "\"%s\":", key);
  const char* found = strstr(text, quoted);
  return found == nullptr ? -1 : strtoll(found + strlen(quoted), nullptr, 10);
}

void Fail(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  PrintLine(stderr, "failed", format, arguments);
  va_end(arguments);
  if (getenv("SPANHEAP_STRESS_CORE") != nullptr) abort();
  _exit(1);
}

int Succeed(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  PrintLine(stdout, "ok", format, arguments);
  va_end(arguments);
  return 0;
}

double SecondsNow() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace spanheap::stress
