// SPDX-License-Identifier: MIT
//
// A program that frees most of what it had, run by giving_back_test.py with the heap preloaded.
//
//   giving_back lazily MIB   fills MIB and frees it; waits until the kernel may take a half of that
//                            when it likes (25 s at most) and prints how many MiB it may; has as
//                            much zeroed memory and reads all of it; frees it again; then prints
//                            what malloc_trim returned and how many MiB are resident
//   giving_back sparse         fills 200 MB with blocks of 200 bytes, frees 399 of each 400, sleeps
//                              5 s and on until nothing has changed for 3 s (a minute at most);
//                              prints how many KiB are resident
//   giving_back by CALL      has 256 MiB by this call alone, and frees them; waits until a quarter
//                            is resident (20 s at most), prints how many MiB are
#include <malloc.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

namespace {

constexpr size_t kMiB = size_t{1} << 20;
constexpr size_t kBlock = size_t{100} << 10;

// Sum of one field of all mappings, in KiB; -1: this kernel does not say.
long SumInMappings(const char* format) {
  FILE* file = fopen("/proc/self/smaps", "r");
  long sum = -1;
  char line[512];
  while (file != nullptr && fgets(line, sizeof line, file) != nullptr) {
    long kib = 0;
    if (sscanf(line, format, &kib) == 1) sum = (sum < 0 ? 0 : sum) + kib;
  }
  if (file != nullptr) fclose(file);
  return sum;
}

void FillAndFree(size_t most) {
  std::vector<void*> blocks(most / kBlock);
  for (void*& p : blocks) memset(p = malloc(kBlock), 1, kBlock);
  for (void* p : blocks) free(p);
}

bool ReadsAsZero(size_t most) {
  std::vector<char*> blocks(most / kBlock);
  bool is_zero = true;
  for (char*& p : blocks) {
    p = static_cast<char*>(calloc(1, kBlock));
    for (size_t i = 0; i < kBlock; ++i) is_zero = is_zero && p[i] == 0;
    memset(p, 2, kBlock);
  }
  for (char* p : blocks) free(p);
  return is_zero;
}

int Lazily(size_t most) {
  constexpr char kLazy[] = "LazyFree: %ld";
  FillAndFree(most);
  long lazy = SumInMappings(kLazy);
  for (int i = 0; i < 250 && lazy >= 0 && static_cast<size_t>(lazy) * 1024 < most / 2; ++i) {
    usleep(100'000);
    lazy = SumInMappings(kLazy);
  }
  printf("%ld\n", lazy < 0 ? -1 : lazy / 1024);
  if (!ReadsAsZero(most)) return 3;
  const int trimmed = malloc_trim(0);
  printf("%d %ld\n", trimmed, SumInMappings("Rss: %ld") / 1024);
  return 0;
}

int Sparse() {
  constexpr size_t kSmall = 200;
  std::vector<void*> blocks(1'000'000);
  for (void*& p : blocks) memset(p = malloc(kSmall), 1, kSmall);
  for (size_t i = 0; i < blocks.size(); ++i) {
    if (i % 400 != 0) free(blocks[i]);
  }
  constexpr char kResident[] = "Rss: %ld";
  sleep(5);
  long before = 0;
  long resident = SumInMappings(kResident);
  for (int i = 0; i < 20 && resident != before; ++i) {
    before = resident;
    sleep(3);
    resident = SumInMappings(kResident);
  }
  printf("%ld\n", resident);
  return 0;
}

struct Way {
  const char* name;
  void* (*allocate)(size_t);
  void (*release)(void*);
};

constexpr std::align_val_t kAlignment{64};
void* Grown(size_t n) { return realloc(realloc(nullptr, n / 64), n); }
void* PosixAligned(size_t n) {
  void* p = nullptr;
  return posix_memalign(&p, 64, n) == 0 ? p : nullptr;
}
void Delete(void* p) { ::operator delete(p, kAlignment); }

constexpr Way kWays[] = {
    {"realloc", Grown, free},
    {"posix_memalign", PosixAligned, free},
    {"aligned_alloc", [](size_t n) { return aligned_alloc(64, n); }, free},
    {"new", [](size_t n) { return ::operator new(n, kAlignment); }, Delete},
    {"new_nothrow", [](size_t n) { return ::operator new(n, kAlignment, std::nothrow); }, Delete},
};

int By(const Way& way) {
  constexpr size_t kCount = 256 * kMiB / kBlock;
  static void* blocks[kCount];
  for (void*& p : blocks) memset(p = way.allocate(kBlock), 1, kBlock);
  for (void* p : blocks) way.release(p);
  constexpr char kResident[] = "Rss: %ld";
  long resident = SumInMappings(kResident);
  for (int i = 0; i < 200 && resident > 64 * 1024; ++i) {
    usleep(100'000);
    resident = SumInMappings(kResident);
  }
  printf("%ld\n", resident / 1024);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const size_t most = argc > 2 ? strtoul(argv[2], nullptr, 10) * kMiB : 0;
  if (argc == 3 && strcmp(argv[1], "lazily") == 0) return Lazily(most);
  if (argc == 2 && strcmp(argv[1], "sparse") == 0) return Sparse();
  for (const Way& way : kWays) {
    if (argc == 3 && strcmp(argv[1], "by") == 0 && strcmp(argv[2], way.name) == 0) return By(way);
  }
  fputs("usage: giving_back lazily MIB | giving_back sparse | giving_back by CALL\n", stderr);
  return 2;
}
