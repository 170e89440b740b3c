// SPDX-License-Identifier: MIT
//
// The program's mistakes through the face, as far as a wrong call can be made on purpose: what is
// noticed at once, what later, and what only at verify level 2. Linked to the library, so malloc
// here is ours.
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstdlib>
#include <new>
#include <vector>

#include "spanheap/spanheap.h"

extern "C" void free_sized(void* p, size_t n) noexcept;
extern "C" void free_aligned_sized(void* p, size_t alignment, size_t n) noexcept;

namespace {

#define EXPECT_LINE(statement, text) \
  EXPECT_EXIT(statement, testing::KilledBySignal(SIGABRT), "spanheap\\[[0-9]+\\]: " text)

// The compiler must not see that a pointer is used again.
template <class T>
T* Hidden(T* p) {
  asm volatile("" : "+r"(p));
  return p;
}

void Verify2() {
  if (sh_set("verify", "2") != 0) _exit(99);
}

// Makes and frees enough blocks of the size that all in the thread's cache leave it, and then has
// what waits on the shelf go back to the spans.
void Churn(size_t n) {
  std::vector<void*> blocks(50000);
  for (void*& p : blocks) p = Hidden(malloc(n));
  for (void* p : blocks) free(p);
  malloc_trim(0);
}

void FreeTwiceThen(size_t n, bool another_between, bool churn) {
  void* p = Hidden(malloc(n));
  void* q = Hidden(malloc(n));
  free(p);
  if (another_between) free(q);
  free(Hidden(p));
  if (churn) Churn(n);
  _exit(0);
}

TEST(DoubleFree, AtOnceOnTopOfTheCache) {
  for (size_t n : {1, 48, 600, 5000, 30000}) {
    EXPECT_LINE(FreeTwiceThen(n, false, false), "free\\(0x[0-9a-f]+\\): double free");
  }
}

TEST(DoubleFree, BeforeReuseWhenTheCacheIsEmptied) {
  for (size_t n : {1, 48, 600, 5000}) {
    EXPECT_LINE(FreeTwiceThen(n, true, true), ".*double free");
  }
}

TEST(DoubleFree, AtTheCallAtVerifyLevel2) {
  for (size_t n : {1, 48, 600, 5000, 30000, 100000}) {
    EXPECT_LINE((Verify2(), FreeTwiceThen(n, true, false)), "free\\(0x[0-9a-f]+\\): ");
  }
}

TEST(DoubleFree, ThroughDeleteAndRealloc) {
  EXPECT_LINE(
      {
        void* p = ::operator new(48);
        ::operator delete(p);
        ::operator delete(Hidden(p));
      },
      "operator delete\\(0x[0-9a-f]+\\): double free");
}

TEST(DoubleFree, OfLargeBlocks) {
  for (size_t n : {size_t{300} << 10, size_t{3} << 20, size_t{20} << 20, size_t{100} << 20}) {
    EXPECT_LINE((Verify2(), FreeTwiceThen(n, false, false)), "free\\(0x[0-9a-f]+\\): ");
  }
}

TEST(InvalidPointer, InsideASmallBlock) {
  EXPECT_LINE((Verify2(), free(static_cast<char*>(Hidden(malloc(100))) + 16)),
              "free\\(0x[0-9a-f]+\\): invalid pointer: not the start of a block, class 112");
}

TEST(InvalidPointer, InsideALargeBlock) {
  for (size_t n : {size_t{1} << 20, size_t{100} << 20}) {
    EXPECT_LINE(free(static_cast<char*>(Hidden(malloc(n))) + 65536),
                "free\\(0x[0-9a-f]+\\): invalid pointer");
  }
}

TEST(ForeignPointer, OfEveryOrigin) {
  static char in_data[64];
  EXPECT_LINE(free(Hidden(&in_data[0])), "free\\(0x[0-9a-f]+\\): foreign pointer");
  EXPECT_LINE(
      {
        alignas(16) char on_stack[64];
        free(Hidden(&on_stack[0]));
      },
      "free\\(0x[0-9a-f]+\\): foreign pointer");
  EXPECT_LINE(free(mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)),
              "free\\(0x[0-9a-f]+\\): foreign pointer");
  EXPECT_LINE(if (realloc(Hidden(&in_data[0]), 100) == nullptr) _exit(1),
              "realloc\\(0x[0-9a-f]+\\): foreign pointer");
}

TEST(ForeignPointer, IsIgnoredOnRequest) {
  EXPECT_EXIT(
      {
        static char in_data[64];
        sh_set("foreign", "ignore");
        free(Hidden(&in_data[0]));
        const bool refused = realloc(Hidden(&in_data[0]), 100) == nullptr && errno == ENOMEM;
        _exit(refused && malloc_usable_size(Hidden(&in_data[0])) == 0 ? 7 : 1);
      },
      testing::ExitedWithCode(7), "");
}

TEST(WrongSize, AtVerifyLevel2) {
  EXPECT_LINE((Verify2(), free_sized(Hidden(malloc(48)), 500)),
              "free_sized\\(0x[0-9a-f]+\\): wrong size: the caller says 500");
  EXPECT_LINE((Verify2(), ::operator delete(Hidden(::operator new(48)), 5000)),
              "operator delete\\(size\\)\\(0x[0-9a-f]+\\): wrong size: the caller says 5000");
  EXPECT_LINE((Verify2(), free_aligned_sized(Hidden(malloc(48)), size_t{1} << 28, 48)),
              "free_aligned_sized\\(0x[0-9a-f]+\\): wrong alignment");
}

TEST(WrongSize, TheRightOneIsAccepted) {
  EXPECT_EXIT(
      {
        Verify2();
        for (size_t n = 0; n < 200000; n += n / 9 + 1) {
          free_sized(Hidden(malloc(n)), n);
          free_sized(Hidden(realloc(malloc(10), n + 1)), n + 1);
          free_aligned_sized(Hidden(aligned_alloc(256, n)), 256, n);
        }
        _exit(7);
      },
      testing::ExitedWithCode(7), "");
}

TEST(ZeroRealloc, IsAMistakeOnRequest) {
  EXPECT_LINE(
      {
        sh_set("zero_realloc", "abort");
        if (realloc(Hidden(malloc(48)), 0) == nullptr) _exit(1);
      },
      "realloc\\(0x[0-9a-f]+\\): size 0");
}

}  // namespace
