// SPDX-License-Identifier: MIT
//
// Scan kernels: from the objects of a page that are to be scanned to the pointers in them.
//
// Idea.       A bit per object is widened to a bit per word, ANDed with the page's pointer bits,
//             and each selected word that is not zero is written out, in order. The plain kernel
//             does so bit by bit and says what the others must do. With BMI2 a whole word of bits
//             is widened by a deposit and a multiplication: deposited starts lie a block apart, so
//             their products with a block of ones cannot meet. With AVX-512 eight words are taken
//             at a time, and the test for zero is part of the mask that packs them: of objects of
//             64 bytes and more one after the other, since skipping those between them costs
//             branches that nobody foresees. A page is scanned in quarters, so that what is written
//             fits on small stacks.
// Invariants. All kernels write the same words of a page in the same order; who goes by objects
//             writes all of an object with the quarter that it begins in. At most kMaxWords, the
//             rest of such an object, and another vector that is scribbled on: kSlack.
// Threads.    Any; words of the program are read while it writes them.
// Go.         internal/runtime/gc/scan. Its expanders are generated per class; ours is one.
// Tests.      tests/collect/scan_kernel_test.cc: each kernel against the plain one, at random.
#pragma once

#include <cstdint>

namespace spanheap::collected {

struct PageToScan {
  const uint64_t* objects;   // a bit per slot; 0 behind the last slot; 9 words may be read
  const uint64_t* pointers;  // a bit per word of the page: 16 words; 17 words may be read
  const uintptr_t* words;    // the page: 1024 words
  unsigned block_words;      // 2 to 64
};

inline constexpr unsigned kQuarters = 4;
inline constexpr unsigned kMaxWords = 256;  // of a quarter
inline constexpr unsigned kSlack = 63 + 8;

// Returns how many words it has written to `out`, which has room for kMaxWords + kSlack.
using ScanKernel = unsigned (*)(const PageToScan& page, unsigned quarter, uintptr_t* out);

unsigned ScanPlain(const PageToScan& page, unsigned quarter, uintptr_t* out);
unsigned ScanBmi2(const PageToScan& page, unsigned quarter, uintptr_t* out);
unsigned ScanAvx512(const PageToScan& page, unsigned quarter, uintptr_t* out);
// Of blocks of 8 words and more.
unsigned ScanEachAvx512(const PageToScan& page, unsigned quarter, uintptr_t* out);

struct ProcessorHas {
  bool bmi2 = false;    // and deposits in hardware that is fast at it
  bool avx512 = false;  // F, VL, and the system saves its registers
};
ProcessorHas AskProcessor();

// The kernel for a page of which `count` of `slots` objects are to be scanned. Null: few, better
// taken one by one.
ScanKernel KernelFor(ProcessorHas has, unsigned count, unsigned slots, unsigned block_words);

}  // namespace spanheap::collected
