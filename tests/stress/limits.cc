// SPDX-License-Identifier: MIT
//
// The end of memory: under a limit, blocks are taken until the heap refuses; then all are given
// back and the heap goes on working as before.
//
// Modes. as    the address space is limited (as `ulimit -v` does) before the program starts
//        data  RLIMIT_DATA is limited before the program starts
//        late  RLIMIT_DATA is limited while the program runs (a late limit of the address space
//              says nothing of what a heap reserved before)
// Idea.  Each shape of block is exhausted in turn, three times. Later rounds must get nine tenths
//        of the first, or memory was lost on the way. (libc keeps free memory in arenas that other
//        shapes cannot use, so under libc only the refusals and the blocks are checked.)
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <iterator>
#include <latch>
#include <thread>
#include <vector>

#include "support.h"

namespace spanheap::stress {
namespace {

constexpr size_t kLimit = 256 << 20;
constexpr size_t kLeastUsable = kLimit / 5;  // for most shapes of blocks
constexpr size_t kOutsidePages = 32 << 20;   // blocks from here on are not made of heap pages
constexpr char kInner[] = "inner";

// Blocks chained through their first words; what is behind the link holds a pattern.
struct Link {
  Link* next = nullptr;
  size_t size = 0;
};
constexpr size_t kLeastBlock = sizeof(Link);

struct Shape {
  const char* name;
  size_t size;                  // bytes of a block; 0: mixed
  size_t alignment;             // 0: plain malloc
  size_t least = kLeastUsable;  // at first
};
// The first finds the address space all but empty, and gets most of it.
constexpr Shape kShapes[] = {{"40 MiB", 40 << 20, 0, 160 << 20},
                             {"100 B", 100, 0},
                             {"4 KiB", 4096, 0},
                             {"33 KiB", 33 << 10, 0},
                             {"1 MiB", 1 << 20, 0},
                             {"mixed", 0, 0},
                             {"aligned 64 KiB", 60000, 64 << 10}};

size_t SizeOf(const Shape& shape, Random& random) {
  if (shape.size != 0) return shape.size;
  return kLeastBlock + random.Size(random.OneIn(32) ? 22 : 14);
}

void* Take(const Shape& shape, size_t size) {
  return shape.alignment == 0 ? malloc(size) : aligned_alloc(shape.alignment, size);
}

// Takes blocks until one is refused; returns them chained, and the bytes they hold. Fill writes to
// every page, so memory that was promised and is not there ends the process.
Link* Exhaust(const Shape& shape, Random& random, size_t& bytes) {
  Link* first = nullptr;
  for (;;) {
    const size_t size = SizeOf(shape, random);
    errno = 0;
    void* block = Take(shape, size);
    if (block == nullptr) break;
    Fill(static_cast<char*>(block) + kLeastBlock, size - kLeastBlock,
         reinterpret_cast<uintptr_t>(block));
    first = new (block) Link{first, size};
    bytes += size;
    if (bytes > 4 * kLimit) Fail("%s: no end under a limit of %zu bytes", shape.name, kLimit);
  }
  if (errno != ENOMEM) Fail("%s: errno is %d, not ENOMEM", shape.name, errno);
  return first;
}

void GiveBack(Link* first) {
  while (first != nullptr) {
    Link* next = first->next;
    CheckFilled(first + 1, first->size - kLeastBlock, reinterpret_cast<uintptr_t>(first),
                first->size - kLeastBlock);
    free(first);
    first = next;
  }
}

// At the end of memory: what exists can shrink and be freed, and what cannot be had is refused.
void UseWhileExhausted(Link*& first) {
  void* none = calloc(kLimit, 2);
  if (none != nullptr || errno != ENOMEM) Fail("calloc of twice the limit is not refused");
  Link* grown = first;
  if (realloc(grown, 2 * kLimit) != nullptr) Fail("realloc to twice the limit is not refused");
  CheckFilled(grown + 1, grown->size - kLeastBlock, reinterpret_cast<uintptr_t>(grown),
              grown->size - kLeastBlock);
  first = grown->next;
  free(grown);
}

size_t RunShape(const Shape& shape, uint64_t seed) {
  Random random(seed);
  size_t bytes = 0;
  Link* first = Exhaust(shape, random, bytes);
  if (first != nullptr) UseWhileExhausted(first);
  GiveBack(first);
  VerifyHeap();
  return bytes;
}

size_t had_at_first[std::size(kShapes)];

// What a later round must have had. Address space that pages once took stays theirs, so with that
// limited, blocks that live outside the pages may find none left; and beside pages that other
// shapes left in use there may be room for one fewer.
size_t LeastLater(size_t i) {
  rlimit limit{};
  getrlimit(RLIMIT_AS, &limit);
  const bool is_outside = kShapes[i].size >= kOutsidePages;
  if (!IsSpanheap() || (is_outside && limit.rlim_cur != RLIM_INFINITY)) return 0;
  return had_at_first[i] / 10 * 9 - (is_outside ? kShapes[i].size : 0);
}

void RunRound(const Options& options) {
  for (size_t i = 0; i < std::size(kShapes); ++i) {
    const bool is_first = had_at_first[i] == 0;
    const size_t least = is_first ? kShapes[i].least : LeastLater(i);
    const size_t bytes = RunShape(kShapes[i], options.seed);
    if (bytes < least) Fail("%s: %zu bytes were had, not %zu", kShapes[i].name, bytes, least);
    if (is_first) had_at_first[i] = bytes;
  }
}

// Threads at the end of memory together: each takes until it is refused, gives back, and again.
// They are started before memory ends, for their stacks count against the limit as well.
class Crowd {
 public:
  explicit Crowd(const Options& options) {
    for (unsigned i = 0; i < options.threads; ++i) {
      threads_.emplace_back([this, seed = options.seed, i] { Live(seed, i); });
    }
  }
  void Run() {
    start_.count_down();
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  void Live(uint64_t seed, unsigned number) {
    start_.wait();
    Random random(seed + number);
    for (unsigned round = 0; round < 3; ++round) {
      size_t bytes = 0;
      GiveBack(Exhaust(kShapes[(number + round) % std::size(kShapes)], random, bytes));
    }
  }

  std::latch start_{1};
  std::vector<std::thread> threads_;
};

void Limit(int resource) {
  const rlimit limit{kLimit, kLimit};
  if (setrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0) Fail("no limit is set");
}

// The program again, with the limit there from the start.
[[noreturn]] void StartAgain(const Options& options) {
  char seed[24];
  char threads[24];
  snprintf(seed, sizeof seed, "%lu", options.seed);
  snprintf(threads, sizeof threads, "%u", options.threads);
  execl("/proc/self/exe", options.program, "--mode", kInner, "--seed", seed, "--threads", threads,
        "--run", nullptr);
  Fail("the program does not start under the limit");
}

int Run(const Options& options) {
  if (strcmp(options.mode, "as") == 0) {
    Limit(RLIMIT_AS);
    StartAgain(options);
  }
  if (strcmp(options.mode, "data") == 0) {
    Limit(RLIMIT_DATA);
    StartAgain(options);
  }
  if (strcmp(options.mode, "late") == 0)
    Limit(RLIMIT_DATA);
  else if (strcmp(options.mode, kInner) != 0)
    Fail("no mode %s", options.mode);
  Crowd crowd(options);
  RunRound(options);
  RunRound(options);
  crowd.Run();
  RunRound(options);
  return Succeed("%zu shapes exhausted three times, %u threads, %lu live blocks",
                 std::size(kShapes), options.threads, VerifyHeap());
}

}  // namespace
}  // namespace spanheap::stress

int main(int argc, char** argv) {
  return spanheap::stress::Supervise(
      argc, argv, {.threads = 4, .patience = 600, .mode = "as"},
      "Takes blocks under a limit of 256 MiB until the heap refuses, and goes on after that.\n"
      "modes: as, data, late (see the file)",
      spanheap::stress::Run);
}
