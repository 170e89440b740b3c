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
#include <string>
#include <vector>

#include "spanheap/gc_c.h"
#include "spanheap/spanheap.h"

extern "C" void free_sized(void* p, size_t n) noexcept;
extern "C" void free_aligned_sized(void* p, size_t alignment, size_t n) noexcept;

namespace {

#define EXPECT_ABORT(statement, line) EXPECT_EXIT(statement, testing::KilledBySignal(SIGABRT), line)
#define EXPECT_LINE(statement, text) EXPECT_ABORT(statement, "spanheap\\[[0-9]+\\]: " text)

// The compiler must not see that a pointer is used again.
template <class T>
T* Hidden(T* p) {
  asm volatile("" : "+r"(p));
  return p;
}

// What a line says of a block of `bytes` in `pages` pages, where that is known.
std::string Facts(size_t bytes, size_t pages) {
  return ", class " + std::to_string(bytes) + ", span 0x[0-9a-f]+\\+" + std::to_string(pages) +
         (pages == 1 ? " page\n" : " pages\n");
}
std::string FactsOfSize(size_t n) {
  const size_t bytes = sh_good_size(n);
  if (bytes > 32768) return Facts(bytes, (bytes + 8191) / 8192);
  return ", class " + std::to_string(bytes) + ", span 0x[0-9a-f]+\\+[0-9]+ pages?\n";
}
// "CALL(0x...): CAUSE" and the facts.
std::string Line(const char* call, const char* cause, const std::string& facts) {
  return "spanheap\\[[0-9]+\\]: " + std::string(call) + "\\(0x[0-9a-f]+\\): " + cause + facts;
}
constexpr char kDouble[] = "double free: the block is free already";
constexpr char kInside[] = "invalid pointer: not the start of a block";

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
  for (size_t n : {1, 48, 600, 5000, 30000, 100000}) {
    EXPECT_ABORT(FreeTwiceThen(n, false, false), Line("free", kDouble, FactsOfSize(n)));
  }
}

TEST(DoubleFree, BeforeReuseWhenTheCacheIsEmptied) {
  for (size_t n : {1, 48, 600, 5000}) {
    EXPECT_ABORT(FreeTwiceThen(n, true, true), Line(".*", kDouble, FactsOfSize(n)));
  }
}

TEST(DoubleFree, AtTheCallAtVerifyLevel2) {
  for (size_t n : {1, 48, 600, 5000, 30000, 100000}) {
    EXPECT_ABORT((Verify2(), FreeTwiceThen(n, true, false)), Line("free", kDouble, FactsOfSize(n)));
  }
}

TEST(DoubleFree, ThroughDeleteAndRealloc) {
  EXPECT_ABORT(
      {
        void* p = ::operator new(48);
        ::operator delete(p);
        ::operator delete(Hidden(p));
      },
      Line("operator delete", kDouble, FactsOfSize(48)));
}

// Whatever the size that is asked for: in place, to grow, to shrink.
TEST(DoubleFree, ThroughReallocAtVerifyLevel2) {
  for (size_t n : {48, 5000, 100000, 3 << 20}) {
    for (size_t wanted : {n, n - n / 4, 4 * n, n / 8}) {
      EXPECT_ABORT(
          {
            Verify2();
            void* p = Hidden(malloc(n));
            void* q = Hidden(malloc(n));
            free(p);
            free(q);
            if (realloc(Hidden(p), wanted) == nullptr) _exit(1);
          },
          Line("realloc", kDouble, FactsOfSize(n)));
    }
  }
}

TEST(DoubleFree, OfLargeBlocks) {
  for (size_t n : {size_t{300} << 10, size_t{3} << 20, size_t{20} << 20, size_t{100} << 20}) {
    EXPECT_ABORT((Verify2(), FreeTwiceThen(n, false, false)),
                 Line("free", kDouble, FactsOfSize(n)));
    EXPECT_ABORT(
        {
          void* p = Hidden(malloc(n));
          void* q = Hidden(malloc(n));
          free(p);
          free(q);
          free(Hidden(p));
          malloc_trim(0);
        },
        Line("free", kDouble, FactsOfSize(n)));
  }
}

// The pages have gone to others, or to nobody; what they held is remembered.
TEST(DoubleFree, WhenThePagesAreFreeAlready) {
  for (size_t n : {48, 5000, 100000, 3 << 20}) {
    EXPECT_ABORT(
        {
          Verify2();
          void* p = Hidden(malloc(n));
          free(p);
          malloc_trim(0);
          free(Hidden(p));
        },
        Line("free", kDouble, FactsOfSize(n)));
  }
}

TEST(DoubleFree, OfABlockThatMovedWhenItGrew) {
  EXPECT_ABORT(
      {
        void* p = Hidden(malloc(size_t{60} << 20));
        void* moved = realloc(p, size_t{200} << 20);
        if (moved == p) _exit(1);
        free(Hidden(p));
      },
      Line("free", kDouble, Facts(size_t{60} << 20, size_t{60} << 7)));
}

TEST(InvalidPointer, InsideASmallBlock) {
  EXPECT_ABORT((Verify2(), free(static_cast<char*>(Hidden(malloc(100))) + 16)),
               Line("free", kInside, FactsOfSize(100)));
}

TEST(InvalidPointer, ThroughReallocAtVerifyLevel2) {
  for (size_t n : {100, 100000}) {
    EXPECT_ABORT(
        {
          Verify2();
          char* p = static_cast<char*>(Hidden(malloc(n)));
          if (realloc(Hidden(p) + 16, n) == nullptr) _exit(1);
        },
        Line("realloc", kInside, FactsOfSize(n)));
  }
}

TEST(InvalidPointer, InsideALargeBlock) {
  for (size_t n : {size_t{1} << 20, size_t{20} << 20, size_t{100} << 20}) {
    for (size_t offset : {size_t{16}, size_t{65536}, n - 4096}) {
      EXPECT_ABORT(free(static_cast<char*>(Hidden(malloc(n))) + offset),
                   Line("free", kInside, FactsOfSize(n)));
    }
  }
}

// Where a run was, slots are now: an address between them, and pages that nothing is known of.
TEST(InvalidPointer, WhereNothingLives) {
  EXPECT_ABORT(
      {
        Verify2();
        char* p = static_cast<char*>(Hidden(malloc(3 << 20)));
        free(p);
        free(Hidden(p) + 16);
      },
      Line("free", "invalid pointer: no block lives there .freed already..", FactsOfSize(3 << 20)));
}

sh_layout with_one_pointer = {48, SH_SCAN_CONSERVATIVE, 0, nullptr, nullptr, nullptr, "node", 0, 0};

TEST(WrongKindOfFree, OfACollectedObject) {
  constexpr char kCause[] = "wrong heap: this belongs to the collected heap";
  EXPECT_ABORT(free(Hidden(sh_gc_new(&with_one_pointer, 1))), Line("free", kCause, Facts(48, 1)));
  EXPECT_ABORT(free(Hidden(sh_gc_new(&with_one_pointer, 100000))),
               Line("free", kCause, Facts(4800000, 586)));
  EXPECT_ABORT(::operator delete(Hidden(sh_gc_new(&with_one_pointer, 1))),
               Line("operator delete", kCause, Facts(48, 1)));
  EXPECT_ABORT(if (realloc(Hidden(sh_gc_new(&with_one_pointer, 1)), 100) == nullptr) _exit(1),
               Line("realloc", kCause, Facts(48, 1)));
}

TEST(WrongKindOfFree, OfABlockOfMalloc) {
  constexpr char kCause[] = "wrong heap: this belongs to malloc";
  for (size_t n : {size_t{48}, size_t{100000}, size_t{100} << 20}) {
    EXPECT_ABORT(sh_gc_delete(Hidden(malloc(n))), Line("sh_gc_delete", kCause, FactsOfSize(n)));
  }
  EXPECT_ABORT((sh_gc_new(&with_one_pointer, 1), sh_gc_delete(Hidden(malloc(48)))),
               Line("sh_gc_delete", kCause, FactsOfSize(48)));
}

// Deleting is a hint: what is no object of malloc's is none of its business.
TEST(WrongKindOfFree, DeletingTwiceIsNoMistake) {
  EXPECT_EXIT(
      {
        void* object = Hidden(sh_gc_new(&with_one_pointer, 1));
        sh_gc_delete(object);
        sh_gc_delete(Hidden(object));
        _exit(7);
      },
      testing::ExitedWithCode(7), "");
}

TEST(CollectedHeap, RootsRangesStacksAndRegionsEndOnce) {
  EXPECT_LINE(
      {
        sh_gc_root* root = sh_gc_root_new(nullptr);
        sh_gc_root_free(root);
        sh_gc_root_free(Hidden(root));
      },
      "sh_gc_root_free\\(0x[0-9a-f]+\\): no root: it was freed before\n");
  static void* words[8];
  EXPECT_LINE((sh_gc_add_range(words, words + 8), sh_gc_remove_range(words, words + 4)),
              "sh_gc_remove_range\\(0x[0-9a-f]+\\): no such range");
  EXPECT_LINE(sh_gc_stack_unregister(sh_gc_stack_current()),
              "sh_gc_stack_unregister\\(0x[0-9a-f]+\\): a thread runs on this stack\n");
  static char memory[4096];
  const auto ended = [] {
    sh_gc_stack* const stack = sh_gc_stack_register(memory, memory + sizeof memory);
    sh_gc_stack_unregister(stack);
    return Hidden(stack);
  };
  EXPECT_LINE(
      sh_gc_stack_unregister(ended()),
      "sh_gc_stack_unregister\\(0x[0-9a-f]+\\): no such stack: it was unregistered before\n");
  EXPECT_LINE(sh_gc_stack_switch(ended()),
              "sh_gc_stack_switch\\(0x[0-9a-f]+\\): no such stack: it was unregistered before\n");
  EXPECT_LINE((sh_gc_attach(), sh_gc_blocking_end()),
              "sh_gc_blocking_end\\(\\): no blocking region is open on this thread\n");
}

TEST(CollectedHeap, PointerBitsNeedElementsOfWholeWords) {
  static const uint64_t first = 1;
  for (const size_t bytes : {size_t{4}, size_t{12}, size_t{1001}}) {
    static sh_layout odd = {0, SH_SCAN_PRECISE, 0, &first, nullptr, nullptr, "odd", 0, 0};
    odd.size = bytes;
    EXPECT_LINE(sh_gc_new(&odd, 1),
                "sh_gc_new\\(0x[0-9a-f]+\\): a layout with pointer bits whose elements have " +
                    std::to_string(bytes) + " bytes, no multiple of 8\n");
  }
}

TEST(CollectedHeap, LayoutsHaveWhatTheirKindNeeds) {
  const auto layout = [](uint32_t kind) {
    return sh_layout{16, kind, 0, nullptr, nullptr, nullptr, "hollow", 0, 0};
  };
  static sh_layout unknown = layout(77);
  EXPECT_LINE(sh_gc_new(&unknown, 1),
              "sh_gc_new\\(0x[0-9a-f]+\\): a layout of the unknown kind 77\n");
  static sh_layout traced = layout(SH_SCAN_TRACED);
  EXPECT_LINE(sh_gc_new(&traced, 1), "sh_gc_new\\(0x[0-9a-f]+\\): a layout whose trace is null\n");
  static sh_layout precise = layout(SH_SCAN_PRECISE);
  for (const size_t count : {1, 10000}) {
    EXPECT_LINE(sh_gc_new(&precise, count),
                "sh_gc_new\\(0x[0-9a-f]+\\): a layout whose pointer_bits is null\n");
  }
  static sh_layout plain = layout(SH_SCAN_NONE);
  EXPECT_LINE(sh_gc_set_destructor(sh_gc_new(&plain, 1), &plain, 1),
              "sh_gc_set_destructor\\(0x[0-9a-f]+\\): a layout whose destroy is null\n");
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
  for (size_t n : {size_t{48}, size_t{100000}, size_t{40} << 20}) {
    EXPECT_ABORT((Verify2(), free_sized(Hidden(malloc(n)), 15 * n)),
                 Line("free_sized", "wrong size: the caller says [0-9]+", FactsOfSize(n)));
  }
  EXPECT_ABORT(
      (Verify2(), ::operator delete(Hidden(::operator new(48)), 5000)),
      Line("operator delete\\(size\\)", "wrong size: the caller says 5000", FactsOfSize(48)));
  EXPECT_ABORT(
      (Verify2(), free_aligned_sized(Hidden(malloc(48)), size_t{1} << 28, 48)),
      Line("free_aligned_sized", "wrong alignment: the caller says 268435456", FactsOfSize(48)));
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
