// SPDX-License-Identifier: MIT
//
// Scenes: what a process does that a row has started with less than usual around it.
#include "scenes.h"

#include <sys/auxv.h>
#include <sys/mman.h>

#include <malloc.h>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "conformance.h"
#include "foreign_names.h"

extern "C" __attribute__((weak)) int sh_get(const char* name, char* value,
                                            size_t capacity) noexcept;

namespace conformance {
namespace {

constexpr int kCannotTry = 77;

int Modest() {
  bool good = Churn(3000);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) threads.emplace_back([&good] { good = Churn(2000) && good; });
  for (std::thread& thread : threads) thread.join();
  void* large = calloc(1, 20 << 20);
  good = good && large != nullptr && AllBytesAre(large, 20 << 20, 0);
  free(large);
  return good ? 0 : 1;
}

// Everything there is, in pieces of 40 KiB; then the half of it again, as before.
int UseUp() {
  std::vector<void*> blocks;
  blocks.reserve(100000);
  for (int round = 0; round < 3; ++round) {
    errno = 0;
    while (blocks.size() < blocks.capacity()) {
      void* p = malloc(40000);
      if (p == nullptr) break;
      memset(p, 1, 40000);
      blocks.push_back(p);
    }
    if (errno != ENOMEM) return 2;
    // A good part of the limit can be had, each time.
    if (blocks.size() * 40000 < size_t{70} << 20) {
      fprintf(stderr, "only %zu MiB", (blocks.size() * 40000) >> 20);
      return 3;
    }
    for (void* p : blocks) free(p);
    blocks.clear();
    if (!Churn(500)) return 4;
  }
  return 0;
}

int LockAll() {
  if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) {
    if (errno == EPERM) return kCannotTry;
    perror("mlockall");
    return 2;
  }
  const bool good = Churn(3000);
  malloc_trim(0);
  return good && Churn(1000) ? 0 : 1;
}

int Small() {
  const bool good = Churn(3000);
  const long mapped_kib = ProcStatus("VmSize");
  if (mapped_kib > 64 << 10) {
    fprintf(stderr, "%ld KiB are mapped", mapped_kib);
    return 2;
  }
  return good ? 0 : 1;
}

int NoHugePages() {
  void* large = calloc(1, 64 << 20);
  memset(large, 1, 64 << 20);
  FILE* file = fopen("/proc/self/smaps_rollup", "r");
  char line[256];
  long huge = 0;
  while (file != nullptr && fgets(line, sizeof line, file) != nullptr) {
    if (strncmp(line, "AnonHugePages:", 14) == 0) huge = atol(line + 14);
  }
  if (file != nullptr) fclose(file);
  free(large);
  return huge == 0 && Churn(1000) ? 0 : 1;
}

int Secure() {
  char value[16] = {};
  if (getauxval(AT_SECURE) == 0 || sh_get == nullptr) return kCannotTry;
  free(malloc(10));
  if (sh_get("verify", value, sizeof value) != 0) return 2;
  return strcmp(value, "1") == 0 ? 0 : 3;
}

struct Named {
  const char* name;
  Scene scene;
};
constexpr Named kScenes[] = {{"modest", Modest},
                             {"use_up", UseUp},
                             {"lock_all", LockAll},
                             {"small", Small},
                             {"no_huge_pages", NoHugePages},
                             {"secure", Secure}};

}  // namespace

bool Churn(int rounds) {
  constexpr int kSlots = 64;
  struct Slot {
    unsigned char* p = nullptr;
    size_t n = 0;
  };
  Slot slots[kSlots];
  unsigned random = static_cast<unsigned>(rounds);
  bool good = true;
  for (int i = 0; i < rounds; ++i) {
    random = random * 1664525 + 1013904223;
    Slot& slot = slots[(random >> 8) % kSlots];
    const auto mark = static_cast<unsigned char>(&slot - slots);
    good = good && AllBytesAre(slot.p, slot.n, mark);
    const size_t n = 1 + (random >> 16) % ((random & 0x400) != 0 ? 100000 : 600);
    if ((random & 0x80) != 0) free(slot.p);
    auto* p = static_cast<unsigned char*>((random & 0x80) != 0 ? malloc(n) : realloc(slot.p, n));
    if (p == nullptr) return false;
    memset(p, mark, n);
    slot = {p, n};
  }
  for (const Slot& slot : slots) free(slot.p);
  return good;
}

Scene FindScene(const std::string& name) {
  for (const Named& scene : kScenes) {
    if (name == scene.name) return scene.scene;
  }
  return nullptr;
}

bool IsStatic() { return getauxval(AT_BASE) == 0; }

}  // namespace conformance
