// SPDX-License-Identifier: MIT
//
// Rows on the control calls of glibc and jemalloc: figures that are true, trimming that trims.
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "conformance.h"
#include "foreign_names.h"

namespace conformance {
namespace {

void MallinfoCounts(Verdict& v) {
  const struct mallinfo2 before = mallinfo2();
  std::vector<void*> blocks;
  blocks.reserve(1000);
  for (int i = 0; i < 1000; ++i) blocks.push_back(malloc(10000));
  const struct mallinfo2 full = mallinfo2();
  for (void* p : blocks) free(p);
  const size_t grown = full.uordblks - before.uordblks;
  EXPECT(v, grown >= 10000000 && grown < 14000000);
  EXPECT(v, full.uordblks <= full.arena);
  const struct mallinfo narrow = mallinfo();
  EXPECT(v, narrow.uordblks > 0);
  v.Note("uordblks grows by %zu for 10 000 000 B", grown);
}

// Programs add the fields up: a block must not be in two of them.
void MallinfoCountsOnce(Verdict& v) {
  constexpr size_t kLarge = size_t{64} << 20;
  constexpr size_t kLittle = size_t{1} << 20;
  const struct mallinfo2 before = mallinfo2();
  void* p = malloc(kLarge);
  const struct mallinfo2 full = mallinfo2();
  const struct mallinfo narrow = mallinfo();
  free(p);
  const struct mallinfo2 after = mallinfo2();
  EXPECT(v, full.hblks == before.hblks + 1 && full.hblks == static_cast<size_t>(narrow.hblks));
  EXPECT(v,
         full.hblkhd >= before.hblkhd + kLarge && full.hblkhd < before.hblkhd + kLarge + kLittle);
  EXPECT(v, full.uordblks < before.uordblks + kLittle);
  EXPECT(v, full.arena < before.arena + kLittle);
  EXPECT(v, after.hblks == before.hblks && after.hblkhd == before.hblkhd);
  v.Note("64 MiB: %zu more of hblkhd", full.hblkhd - before.hblkhd);
}

constexpr size_t kTrimBlock = 10000;

// KiB of OS pages that the blocks from `first` on, each `step`-th, have a byte on.
long PagesOf(const std::vector<char*>& blocks, size_t first, size_t step) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  std::vector<size_t> pages;
  for (size_t i = first; i < blocks.size(); i += step) {
    const auto start = reinterpret_cast<size_t>(blocks[i]);
    for (size_t at = start / page; at <= (start + kTrimBlock - 1) / page; ++at) pages.push_back(at);
  }
  std::sort(pages.begin(), pages.end());
  pages.erase(std::unique(pages.begin(), pages.end()), pages.end());
  return static_cast<long>(pages.size() * page / 1024);
}

// Free all but scattered ones of 200 MB; then ask for it back.
void TrimReturnsMemory(Verdict& v) {
  constexpr size_t kKeptEach = 40;
  std::vector<char*> blocks(20000);
  for (char*& p : blocks) memset(p = static_cast<char*>(malloc(kTrimBlock)), 1, kTrimBlock);
  const long whole = PagesOf(blocks, 0, 1) - PagesOf(blocks, 0, kKeptEach);
  const long full = ProcStatus("VmRSS");
  for (size_t i = 0; i < blocks.size(); ++i) {
    if (i % kKeptEach != 0) free(blocks[i]);
  }
  const int first = malloc_trim(0);
  const int second = malloc_trim(0);  // before anything else is freed: ProcStatus opens a file
  const long gone = full - ProcStatus("VmRSS");
  EXPECT(v, first == 1);
  EXPECT(v, second == 0);
  EXPECT(v, gone >= whole / 100 * 95);
  for (size_t i = 0; i < blocks.size(); i += kKeptEach) {
    EXPECT(v, AllBytesAre(blocks[i], kTrimBlock, 1));
    free(blocks[i]);
  }
  v.Note("returns %d, then %d; %ld of %ld KiB of wholly free pages go", first, second, gone, whole);
}

void MalloptKnowsItsNumbers(Verdict& v) {
  EXPECT(v, mallopt(M_TRIM_THRESHOLD, 1 << 20) == 1);
  EXPECT(v, mallopt(M_MMAP_THRESHOLD, 1 << 20) == 1);
  EXPECT(v, mallopt(M_ARENA_MAX, 2) == 1);
  EXPECT(v, mallopt(12345, 1) == 0);
  v.Note("1 for glibc's parameters, 0 for others");
}

void InfoIsXml(Verdict& v) {
  char* text = nullptr;
  size_t size = 0;
  FILE* stream = open_memstream(&text, &size);
  fputs("before ", stream);
  EXPECT(v, malloc_info(0, stream) == 0);
  fputs("after", stream);
  fclose(stream);
  EXPECT(v, strncmp(text, "before <malloc version=", 23) == 0);
  EXPECT(v, strstr(text, "</malloc>") != nullptr);
  EXPECT(v, size > 5 && strcmp(text + size - 5, "after") == 0);
  v.Note("%zu bytes, in the stream's order", size);
  free(text);
  errno = 0;
  EXPECT(v, malloc_info(1, stdout) != 0);
}

void StatsGoToStderr(Verdict& v) {
  const Outcome outcome = RunForked([] {
    malloc_stats();
    return 0;
  });
  EXPECT(v, outcome.exited_with(0) && outcome.errors.size() > 50);
  v.Note("%zu bytes", outcome.errors.size());
}

template <class T>
T Read(const char* name, int& error) {
  T value{};
  size_t size = sizeof value;
  error = mallctl(name, &value, &size, nullptr, 0);
  return value;
}

void MallctlReads(Verdict& v) {
  if (mallctl == nullptr) return v.Expect(false, "mallctl missing", __LINE__);
  int error = 0;
  EXPECT(v, Read<const char*>("version", error) != nullptr && error == 0);
  EXPECT(v, Read<unsigned>("arenas.narenas", error) >= 1 && error == 0);
  EXPECT(v, !Read<bool>("opt.prof", error) && error == 0);
  Read<bool>("background_thread", error);
  EXPECT(v, error == 0);
  uint64_t epoch = 1;
  size_t size = sizeof epoch;
  EXPECT(v, mallctl("epoch", &epoch, &size, &epoch, size) == 0);
  const auto before = Read<size_t>("stats.allocated", error);
  void* p = malloc(1 << 20);
  EXPECT(v, mallctl("epoch", &epoch, &size, &epoch, size) == 0);
  const auto after = Read<size_t>("stats.allocated", error);
  EXPECT(v, after >= before + (1 << 20));
  void* q = malloc(1 << 20);
  EXPECT(v, Read<size_t>("stats.allocated", error) == after);
  uint64_t next = 0;
  EXPECT(v, mallctl("epoch", &next, &size, &epoch, size) == 0 && next == epoch + 1);
  EXPECT(v, Read<size_t>("stats.allocated", error) >= after + (1 << 20));
  free(p);
  free(q);
  const auto active = Read<size_t>("stats.active", error);
  EXPECT(v, Read<size_t>("stats.allocated", error) <= active);
  EXPECT(v, active <= Read<size_t>("stats.resident", error));
  EXPECT(v, Read<size_t>("stats.metadata", error) > 0);
  v.Note("version, epoch, stats.*, opt.*, arenas.*");
}

// A class that the program's own blocks are of, found as redis finds it.
void MallctlClasses(Verdict& v) {
  if (mallctl == nullptr) return v.Expect(false, "mallctl missing", __LINE__);
  int error = 0;
  const auto bins = Read<unsigned>("arenas.nbins", error);
  EXPECT(v, error == 0 && bins > 20);
  EXPECT(v, Read<unsigned>("arenas.nlextents", error) > 4 && error == 0);
  void* blocks[300];
  for (void*& p : blocks) p = malloc(1000);
  uint64_t epoch = 1;
  EXPECT(v, mallctl("epoch", nullptr, nullptr, &epoch, sizeof epoch) == 0);
  bool found = false;
  for (unsigned bin = 0; bin < bins && !found; ++bin) {
    char name[64];
    snprintf(name, sizeof name, "arenas.bin.%u.size", bin);
    const auto size = Read<size_t>(name, error);
    if (error != 0 || size < 1000) continue;
    found = true;
    snprintf(name, sizeof name, "arenas.bin.%u.nregs", bin);
    const auto slots = Read<uint32_t>(name, error);
    snprintf(name, sizeof name, "stats.arenas.4096.bins.%u.curslabs", bin);
    const auto spans = Read<size_t>(name, error);
    snprintf(name, sizeof name, "stats.arenas.0.bins.%u.curregs", bin);
    const auto used = Read<size_t>(name, error);
    EXPECT(v, error == 0 && used >= 300 && used <= spans * slots);
    size_t mib[6] = {};
    size_t length = 6;
    EXPECT(v, mallctlnametomib("stats.arenas.0.bins.0.curregs", mib, &length) == 0 && length == 6);
    mib[4] = bin;
    size_t again = 0;
    size_t bytes = sizeof again;
    EXPECT(v, mallctlbymib(mib, length, &again, &bytes, nullptr, 0) == 0 && again >= 300);
    mib[4] = bins;
    EXPECT(v, mallctlbymib(mib, length, &again, &bytes, nullptr, 0) == ENOENT);
  }
  EXPECT(v, found);
  for (void* p : blocks) free(p);
  v.Note("%u small classes", bins);
}

void MallctlDoes(Verdict& v) {
  if (mallctl == nullptr) return v.Expect(false, "mallctl missing", __LINE__);
  int error = 0;
  EXPECT(v, mallctl("thread.tcache.flush", nullptr, nullptr, nullptr, 0) == 0);
  EXPECT(v, Read<bool>("thread.tcache.enabled", error) && error == 0);
  unsigned arena = 0;
  EXPECT(v, mallctl("thread.arena", nullptr, nullptr, &arena, sizeof arena) == 0);
  arena = 7;
  EXPECT(v, mallctl("thread.arena", nullptr, nullptr, &arena, sizeof arena) == EFAULT);
  EXPECT(v, mallctl("arenas.create", nullptr, nullptr, nullptr, 0) == EAGAIN);
  ssize_t decay = 1000;
  EXPECT(v, mallctl("arenas.dirty_decay_ms", nullptr, nullptr, &decay, sizeof decay) == 0);
  EXPECT(v, Read<ssize_t>("arena.0.dirty_decay_ms", error) == 1000 && error == 0);
  EXPECT(v, mallctl("thread.allocatedp", nullptr, nullptr, nullptr, 0) == ENOENT);
  EXPECT(v, mallctl("prof.active", nullptr, nullptr, nullptr, 0) == ENOENT);
  v.Note("flush, decay times, one arena");
}

void MallctlErrors(Verdict& v) {
  if (mallctl == nullptr) return v.Expect(false, "mallctl missing", __LINE__);
  uint32_t narrow = 0;
  size_t size = sizeof narrow;
  EXPECT(v, mallctl("stats.allocated", &narrow, &size, nullptr, 0) == EINVAL && size == 4);
  EXPECT(v, mallctl("no.such.name", nullptr, nullptr, nullptr, 0) == ENOENT);
  EXPECT(v, mallctl("arena.77.purge", nullptr, nullptr, nullptr, 0) == ENOENT);
  EXPECT(v, mallctl("arena", nullptr, nullptr, nullptr, 0) == ENOENT);
  EXPECT(v, mallctl("version", nullptr, nullptr, &narrow, sizeof narrow) == EPERM);
  EXPECT(v, mallctl("epoch", nullptr, nullptr, &narrow, sizeof narrow) == EINVAL);
  v.Note("ENOENT, EPERM, EINVAL as jemalloc");
}

void MallctlByMib(Verdict& v) {
  if (mallctl == nullptr) return v.Expect(false, "mallctl missing", __LINE__);
  size_t mib[4] = {};
  size_t length = 4;
  EXPECT(v, mallctlnametomib("arena.0.purge", mib, &length) == 0 && length == 3);
  mib[1] = 4096;
  EXPECT(v, mallctlbymib(mib, length, nullptr, nullptr, nullptr, 0) == 0);
  mib[1] = 99;
  EXPECT(v, mallctlbymib(mib, length, nullptr, nullptr, nullptr, 0) == ENOENT);
  length = 4;
  EXPECT(v, mallctlnametomib("stats.allocated", mib, &length) == 0 && length == 2);
  size_t allocated = 0;
  size_t size = sizeof allocated;
  EXPECT(v, mallctlbymib(mib, length, &allocated, &size, nullptr, 0) == 0 && allocated > 0);
  EXPECT(v, mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0) == 0);
  EXPECT(v, mallctl("arena.0.decay", nullptr, nullptr, nullptr, 0) == 0);
  // As many as there are: all of them, by jemalloc's older rule.
  int error = 0;
  char all[32];
  snprintf(all, sizeof all, "arena.%u.purge", Read<unsigned>("arenas.narenas", error));
  EXPECT(v, mallctl(all, nullptr, nullptr, nullptr, 0) == 0);
  v.Note("names to numbers; the arena is replaceable");
}

}  // namespace

Rows ControlRows() {
  return {
      {"mallinfo2", "counts this heap's blocks", MallinfoCounts},
      {"mallinfo2", "counts large blocks beside the others, and how many", MallinfoCountsOnce},
      {"malloc_trim", "1 and memory goes back; at once again: 0", TrimReturnsMemory},
      {"mallopt", "accepts glibc's parameters", MalloptKnowsItsNumbers},
      {"malloc_info", "XML into the caller's stream; options other than 0 refused", InfoIsXml},
      {"malloc_stats", "a report on stderr", StatsGoToStderr},
      {"mallctl", "the common names read true figures", MallctlReads},
      {"mallctl", "size classes and what is used of them", MallctlClasses},
      {"mallctl", "what programs set and do", MallctlDoes},
      {"mallctl", "jemalloc's error numbers", MallctlErrors},
      {"mallctl", "by MIB; arena 4096 means all", MallctlByMib},
  };
}

}  // namespace conformance
