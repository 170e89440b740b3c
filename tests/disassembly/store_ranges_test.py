#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Restartable stores as compilers lay them out: at each level of optimisation, in programs and
libraries, inlined many times and across files.

usage: store_ranges_test.py INCLUDE_DIR COMPILER...
"""

import pathlib
import subprocess
import sys
import tempfile
import unittest

import store_ranges
from fast_path import parse

# Loops, constants, members of arrays, cold paths; a slot and a value in every kind of operand.
SOURCE = r"""
#include <new>
#include "spanheap/detail/pointer.h"
using spanheap::detail::StorePointer;
extern void* table[64];
void* table[64];
void One(void** slot, void* value) { StorePointer(slot, value); }
void Null(void** slot) { StorePointer(slot, nullptr); }
void Global(void* value) { StorePointer(&table[3], value); }
void Loop(void** slots, void* value, int n) {
  for (int i = 0; i < n; ++i) StorePointer(slots + 3 * i, value);
}
void Move(void** to, void** from, int n) {
  for (int i = 0; i < n; ++i) StorePointer(&to[i], from[n - i]);
}
[[gnu::cold]] void Cold(void** slot, void* value) {
  if (*slot == nullptr) StorePointer(slot + 1, value); else StorePointer(slot + 2, slot);
}
void Pair(void** slot, void* a, void* b) { StorePointer(slot, a); StorePointer(slot + 1, b); }
bool OverNull(void** slot, void* value) {
  return spanheap::detail::TryStoreOverNull(slot + 1, value, 2);
}
bool IfNoted(void** slot, void* value, const unsigned char* note) {
  return spanheap::detail::TryStoreIfNoted(slot + 1, value, note + 2, 3);
}
void Begin(spanheap::Ptr<int>* place, int* value) { new (place) spanheap::Ptr<int>(value); }
"""
STUBS = r"""
#include "spanheap/detail/inline_v1.h"
extern "C" {
sh_inline_data_v1 sh_inline_v1;
void sh_gc_store_slow(void** slot, void* value) noexcept { *slot = value; }
void sh_gc_register_stores_v1(const int*, const int*) noexcept {}
void sh_gc_unregister_stores_v1(const int*) noexcept {}
}
int main() {}
"""
FLAGS = [["-O0"], ["-O1"], ["-O2"], ["-O3", "-funroll-loops"], ["-Os"], ["-O2", "-fPIC", "-shared"],
         ["-O2", "-flto", "-fPIC", "-shared"], ["-O3", "-g", "-fno-omit-frame-pointer", "-fcf-protection"]]
LEAST = 11  # ranges in the source

INCLUDE = ""
COMPILERS = []


def listing(*lines):
    """Instructions at 0x10, 0x11, ..."""
    return parse("\n".join(f"  {0x10 + i:x}:\t{line}" for i, line in enumerate(lines)))


class Shape(unittest.TestCase):
    """What counts as a restartable range."""

    def test_the_sequence_passes(self):
        store_ranges.check(listing("cmpl   $0x0,0x2f(%rip)", "jne    99 <f>",
                                   "mov    %rsi,0x8(%rdi,%rax,8)"), 0x10, 0x13)

    def test_the_sequence_that_looks_at_the_slot_passes(self):
        lines = ["cmpl   $0x2,(%rax)", "jne    99 <f>", "cmpq   $0x0,0x8(%rdi,%rax,8)",
                 "jne    99 <f>", "mov    %rsi,0x8(%rdi,%rax,8)"]
        store_ranges.check(listing(*lines), 0x10, 0x15)
        for at, wrong in ((0, "cmpl   $0x0,(%rax)"), (2, "cmpq   $0x0,(%rdi)"),
                          (2, "cmpq   $0x1,0x8(%rdi,%rax,8)"), (3, "jne    14 <f>")):
            with self.subTest(wrong=wrong), self.assertRaises(store_ranges.WrongRange):
                store_ranges.check(listing(*lines[:at], wrong, *lines[at + 1:]), 0x10, 0x15)

    def test_the_sequence_that_looks_at_a_note_passes(self):
        lines = ["cmpl   $0x3,(%rax)", "jne    99 <f>", "cmpb   $0x0,0x2(%rdx)",
                 "je     99 <f>", "mov    %rsi,0x8(%rdi,%rax,8)"]
        store_ranges.check(listing(*lines), 0x10, 0x15)
        for at, wrong in ((2, "cmpb   $0x1,0x2(%rdx)"), (3, "jne    99 <f>"),
                          (3, "je     14 <f>"), (4, "movb   $0x2,(%rdx)")):
            with self.subTest(wrong=wrong), self.assertRaises(store_ranges.WrongRange):
                store_ranges.check(listing(*lines[:at], wrong, *lines[at + 1:]), 0x10, 0x15)

    def test_what_is_between_is_found(self):
        with self.assertRaises(store_ranges.WrongRange):
            store_ranges.check(listing("cmpl   $0x0,0x2f(%rip)", "jne    99 <f>", "inc    %rdi",
                                       "mov    %rsi,(%rdi)"), 0x10, 0x14)

    def test_a_store_that_is_not_last_is_found(self):
        with self.assertRaises(store_ranges.WrongRange):
            store_ranges.check(listing("cmpl   $0x0,0x2f(%rip)", "mov    %rsi,(%rdi)",
                                       "jne    99 <f>"), 0x10, 0x13)

    def test_a_branch_into_the_range_is_found(self):
        with self.assertRaises(store_ranges.WrongRange):
            store_ranges.check(listing("cmpl   $0x0,0x2f(%rip)", "jne    12 <f>",
                                       "mov    %rsi,(%rdi)"), 0x10, 0x13)


class Compiled(unittest.TestCase):
    """What compilers make of it."""

    def test_each_range_is_the_sequence(self):
        for compiler in COMPILERS:
            for flags in FLAGS:
                with self.subTest(compiler=compiler, flags=flags):
                    self.check(compiler, flags)

    def check(self, compiler, flags):
        with tempfile.TemporaryDirectory() as name:
            work = pathlib.Path(name)
            (work / "stores.cc").write_text(SOURCE)
            (work / "stubs.cc").write_text(STUBS)
            program = str(work / "program")
            built = subprocess.run(
                [compiler, "-std=c++20", "-DNDEBUG", "-I", INCLUDE, *flags, "-o", program,
                 str(work / "stores.cc"), str(work / "stubs.cc")], capture_output=True, text=True)
            if "-flto" in flags and built.returncode != 0:
                return  # a compiler without its link-time part
            self.assertEqual(built.returncode, 0, built.stderr)
            self.assertGreaterEqual(len(store_ranges.ranges_of(program)), LEAST)
            self.assertEqual(store_ranges.main([program]), 0)


if __name__ == "__main__":
    INCLUDE = sys.argv.pop(1)
    COMPILERS = [each for each in sys.argv[1:] if each]
    del sys.argv[1:]
    unittest.main()
