#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The reading of disassemblies, on listings whose fast path is known."""

import unittest

from fast_path import NoFastPath, parse, walk

LISTING = """
libx.so:     file format elf64-x86-64

Disassembly of section .text:

0000000000001000 <malloc>:
    1000:\tendbr64
    1004:\tmov    0xb449(%rip),%rax        # bfc0 <table@@Base+0x30>
    100b:\tcmp    $0x400,%rdi
    1012:\tja     1030 <malloc+0x30>
    1014:\tjmp    1020 <malloc+0x20>
    1016:\tnopw   0x0(%rax,%rax,1)
    1020:\tlock xadd %rax,(%rdi)
    1024:\tret
    1030:\tjmp    2000 <slow>
"""


def listing(*lines):
    return parse("\n".join(f"  {0x10 + i:x}:\t{line}" for i, line in enumerate(lines)))


class FastPath(unittest.TestCase):
    def test_conditional_branches_fall_through_and_jumps_inside_are_followed(self):
        path = walk(parse(LISTING))
        self.assertEqual([each.address for each in path],
                         [0x1000, 0x1004, 0x100b, 0x1012, 0x1014, 0x1020, 0x1024])

    def test_a_prefix_is_part_of_its_instruction(self):
        self.assertEqual(walk(parse(LISTING))[5].mnemonic, "xadd")

    def test_a_call_is_no_fast_path(self):
        with self.assertRaisesRegex(NoFastPath, "call"):
            walk(listing("push   %rbx", "call   1234 <other>", "ret"))

    def test_a_jump_out_of_the_function_is_no_fast_path(self):
        with self.assertRaisesRegex(NoFastPath, "leaves"):
            walk(listing("test   %rdi,%rdi", "jmp    9999 <slow>"))
        with self.assertRaisesRegex(NoFastPath, "leaves"):
            walk(listing("jmp    *0x18(%rax)"))

    def test_a_loop_or_a_missing_return_ends_the_walk(self):
        with self.assertRaises(NoFastPath):
            walk(listing("nop", "jmp    10 <loop>"))
        with self.assertRaises(NoFastPath):
            walk(listing("nop", "nop"))


if __name__ == "__main__":
    unittest.main()
