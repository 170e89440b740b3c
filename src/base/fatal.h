// SPDX-License-Identifier: MIT
//
// The program's mistakes: one function per cause, each prints one line on stderr and aborts.
//
// Idea.   Every text a user may see when a heap call is wrong stands in fatal.cc, in one shape:
//         "spanheap[pid]: <call>(<address>): <cause>, class <size>, span <base>+<pages>".
// Fails.  Never returns. Needs no memory, no lock and 1 KiB of stack. It writes with the raw
//         system call: the one such call outside the room os.
// Tests.  tests/death reaches each cause once.
#pragma once

#include "base/platform.h"
#include "base/units.h"

namespace spanheap {

// What is known of the block behind a bad call; zero means unknown.
struct BlockFacts {
  Bytes class_size;
  Address span_base;
  Pages span_pages;
};

[[noreturn]] SPANHEAP_COLD void FatalDoubleFree(const char* call, Address p, BlockFacts facts);
[[noreturn]] SPANHEAP_COLD void FatalMisalignedFree(const char* call, Address p, BlockFacts facts);
[[noreturn]] SPANHEAP_COLD void FatalForeignPointer(const char* call, Address p);
[[noreturn]] SPANHEAP_COLD void FatalNoBlock(const char* call, Address p, BlockFacts facts);
[[noreturn]] SPANHEAP_COLD void FatalCollectedObject(const char* call, Address p, BlockFacts facts);
[[noreturn]] SPANHEAP_COLD void FatalMallocBlock(const char* call, Address p, BlockFacts facts);
[[noreturn]] SPANHEAP_COLD void FatalWrongSize(const char* call, Address p, Bytes claimed,
                                               BlockFacts facts);
[[noreturn]] SPANHEAP_COLD void FatalWrongAlignment(const char* call, Address p, Bytes claimed,
                                                    BlockFacts facts);
[[noreturn]] SPANHEAP_COLD void FatalZeroRealloc(const char* call, Address p);
// Of the collected heap; `p`: the root, the range's beginning, the stack's handle, the layout.
[[noreturn]] SPANHEAP_COLD void FatalNoSuchRoot(const char* call, Address p);
[[noreturn]] SPANHEAP_COLD void FatalNoSuchRange(const char* call, Address p);
[[noreturn]] SPANHEAP_COLD void FatalStackInUse(const char* call, Address p);
[[noreturn]] SPANHEAP_COLD void FatalNotBlocking(const char* call);
[[noreturn]] SPANHEAP_COLD void FatalNoSuchStack(const char* call, Address p);
[[noreturn]] SPANHEAP_COLD void FatalUnknownKind(const char* call, Address p, uint32_t kind);
[[noreturn]] SPANHEAP_COLD void FatalHollowLayout(const char* call, Address p, const char* missing);
[[noreturn]] SPANHEAP_COLD void FatalOddLayout(const char* call, Address p, Bytes element);
[[noreturn]] SPANHEAP_COLD void FatalFreeOfFreePages(PageIndex first, Pages count);
[[noreturn]] SPANHEAP_COLD void FatalNoHandler(const char* call, Bytes wanted);

// One line of advice that does not end the process: "spanheap[pid]: <text>".
SPANHEAP_COLD void WarnLine(const char* text, const char* detail = "");

}  // namespace spanheap
