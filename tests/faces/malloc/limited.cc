// SPDX-License-Identifier: MIT
//
// A program that lives near a memory limit, run by limits_test.py with the heap preloaded.
//
//   limited churn MIB ROUNDS   holds MIB of blocks of 16 bytes to 1 MiB and replaces them at
//                              random, as much as it holds in each of ROUNDS; before each, a third
//                              goes at once and comes back as blocks of a few MiB, to go again;
//                              prints its highest resident size
//   limited grow MIB           takes MIB in blocks, stops at the first that fails with ENOMEM,
//                              goes on with half of them; prints how many MiB it had
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constexpr size_t kMiB = size_t{1} << 20;
constexpr size_t kSlots = size_t{1} << 20;

struct Block {
  void* start;
  size_t size;
};
Block blocks[kSlots];
size_t count = 0;
size_t held = 0;
uint64_t state = 88172645463325252U;

uint64_t Random() {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

// Each power of two as likely as the next.
size_t AnySize() {
  const size_t base = size_t{1} << (4 + Random() % 16);
  return base + Random() % base;
}

void Add(size_t size) {
  void* p = malloc(size);
  if (p == nullptr) {
    perror("malloc");
    exit(1);
  }
  memset(p, 1, size);
  blocks[count++] = {p, size};
  held += size;
}

void Drop(size_t at) {
  held -= blocks[at].size;
  free(blocks[at].start);
  blocks[at] = blocks[--count];
}

long HighestResidentKib() {
  FILE* status = fopen("/proc/self/status", "r");
  long kib = -1;
  for (char line[256]; status != nullptr && fgets(line, sizeof line, status) != nullptr;) {
    if (sscanf(line, "VmHWM: %ld", &kib) == 1) break;
  }
  if (status != nullptr) fclose(status);
  return kib;
}

void Replace(size_t most) {
  for (size_t replaced = 0; replaced < most;) {
    const size_t size = AnySize();
    while (count > 0 && (held + size > most || count == kSlots)) Drop(Random() % count);
    Add(size);
    replaced += size;
  }
}

// A third of what is held becomes a few large blocks for a moment.
void Swing(size_t most) {
  while (held > most - most / 3) Drop(Random() % count);
  const size_t before = count;
  while (held < most - 5 * kMiB) Add(kMiB + Random() % (4 * kMiB));
  while (count > before) Drop(count - 1);
}

int Churn(size_t most, unsigned rounds) {
  Replace(most);
  for (unsigned round = 0; round < rounds; ++round) {
    Swing(most);
    Replace(most);
  }
  printf("%ld\n", HighestResidentKib() / 1024);
  return 0;
}

int Grow(size_t most) {
  constexpr size_t kSize = 98'000;
  while (held < most) {
    void* p = malloc(kSize);
    if (p == nullptr) {
      if (errno != ENOMEM) return 2;
      break;
    }
    memset(p, 1, kSize);
    blocks[count++] = {p, kSize};
    held += kSize;
  }
  printf("%zu\n", held / kMiB);
  for (size_t n = count / 2; n > 0; --n) Drop(count - 1);
  for (int i = 0; i < 1000; ++i) Add(1000);
  while (count > 0) Drop(count - 1);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const size_t most = argc > 2 ? strtoul(argv[2], nullptr, 10) * kMiB : 0;
  if (argc == 4 && strcmp(argv[1], "churn") == 0) {
    return Churn(most, static_cast<unsigned>(strtoul(argv[3], nullptr, 10)));
  }
  if (argc == 3 && strcmp(argv[1], "grow") == 0) return Grow(most);
  fputs("usage: limited churn MIB ROUNDS | limited grow MIB\n", stderr);
  return 2;
}
