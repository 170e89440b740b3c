// SPDX-License-Identifier: MIT
//
// Each cause of base/fatal.h is reached once: the whole line, and that it is the last.
#include "base/fatal.h"

#include <gtest/gtest.h>

#include "base/check.h"

namespace spanheap {
namespace {

const Address kBlock(0x7000);
const BlockFacts kFacts{Bytes(48), Address(0x6000), Pages(2)};

#define EXPECT_LINE(call, text) EXPECT_DEATH(call, "^spanheap\\[[0-9]+\\]: " text "\n$")

TEST(Fatal, DoubleFree) {
  EXPECT_LINE(FatalDoubleFree("free", kBlock, kFacts),
              "free\\(0x7000\\): double free: the block is free already, class 48, span "
              "0x6000\\+2 pages");
}

TEST(Fatal, MisalignedFree) {
  EXPECT_LINE(FatalMisalignedFree("free", kBlock, {Bytes(48), Address(0x6000), Pages(1)}),
              "free\\(0x7000\\): invalid pointer: not the start of a block, class 48, span "
              "0x6000\\+1 page");
}

TEST(Fatal, ForeignPointer) {
  EXPECT_LINE(FatalForeignPointer("realloc", kBlock),
              "realloc\\(0x7000\\): foreign pointer: not from this heap");
}

TEST(Fatal, NoBlock) {
  EXPECT_LINE(FatalNoBlock("free", kBlock, {}),
              "free\\(0x7000\\): invalid pointer: no block lives there \\(freed already\\?\\)");
  EXPECT_LINE(FatalNoBlock("free", kBlock, kFacts),
              "free\\(0x7000\\): invalid pointer: no block lives there \\(freed already\\?\\), "
              "class 48, span 0x6000\\+2 pages");
}

TEST(Fatal, WrongKindOfFree) {
  EXPECT_LINE(FatalCollectedObject("free", kBlock, kFacts),
              "free\\(0x7000\\): wrong heap: this belongs to the collected heap, class 48, "
              "span .*");
  EXPECT_LINE(FatalMallocBlock("sh_gc_delete", kBlock, kFacts),
              "sh_gc_delete\\(0x7000\\): wrong heap: this belongs to malloc, class 48, "
              "span .*");
}

TEST(Fatal, WrongSizeAndAlignment) {
  EXPECT_LINE(FatalWrongSize("free_sized", kBlock, Bytes(500), kFacts),
              "free_sized\\(0x7000\\): wrong size: the caller says 500, class 48, span .*");
  EXPECT_LINE(FatalWrongAlignment("free_aligned_sized", kBlock, Bytes(64), {}),
              "free_aligned_sized\\(0x7000\\): wrong alignment: the caller says 64");
}

TEST(Fatal, OfTheCollectedHeap) {
  EXPECT_LINE(FatalNoSuchRoot("sh_gc_root_free", kBlock),
              "sh_gc_root_free\\(0x7000\\): no root: it was freed before");
  EXPECT_LINE(FatalNoSuchRange("sh_gc_remove_range", kBlock),
              "sh_gc_remove_range\\(0x7000\\): no such range: none was added with these bounds");
  EXPECT_LINE(FatalStackInUse("sh_gc_stack_switch", kBlock),
              "sh_gc_stack_switch\\(0x7000\\): a thread runs on this stack");
  EXPECT_LINE(FatalNotBlocking("sh_gc_blocking_end"),
              "sh_gc_blocking_end\\(\\): no blocking region is open on this thread");
  EXPECT_LINE(FatalNoSuchStack("sh_gc_stack_unregister", kBlock),
              "sh_gc_stack_unregister\\(0x7000\\): no such stack: it was unregistered before");
  EXPECT_LINE(FatalUnknownKind("sh_gc_new", kBlock, 77),
              "sh_gc_new\\(0x7000\\): a layout of the unknown kind 77");
  EXPECT_LINE(FatalHollowLayout("sh_gc_new", kBlock, "trace"),
              "sh_gc_new\\(0x7000\\): a layout whose trace is null");
  EXPECT_LINE(FatalOddLayout("sh_gc_new", kBlock, Bytes(12)),
              "sh_gc_new\\(0x7000\\): a layout with pointer bits whose elements have 12 bytes, "
              "no multiple of 8");
}

TEST(Fatal, TheRest) {
  EXPECT_LINE(FatalZeroRealloc("realloc", kBlock), "realloc\\(0x7000\\): size 0: .*");
  EXPECT_LINE(FatalFreeOfFreePages(PageIndex(9), Pages(3)),
              "internal error: freeing free pages 9\\+3");
  EXPECT_LINE(FatalNoHandler("operator new", Bytes(77)), "operator new\\(77\\): out of memory, .*");
  EXPECT_LINE(SPANHEAP_CHECK(1 + 1 == 3), "internal error: 1 \\+ 1 == 3 at fatal_test.cc:[0-9]+");
}

TEST(Fatal, AWarningIsALineAndNoEnd) {
  testing::internal::CaptureStderr();
  WarnLine("careful: ", "steps");
  EXPECT_NE(testing::internal::GetCapturedStderr().find("]: careful: steps\n"), std::string::npos);
}

}  // namespace
}  // namespace spanheap
