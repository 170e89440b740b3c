#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Types whose layout cannot be told are compile errors that name the type and the remedy.

usage: compile_fail_test.py COMPILER INCLUDE_DIRECTORY
"""

import subprocess
import sys
import unittest

COMPILER, INCLUDE = sys.argv.pop(1), sys.argv.pop(1)

# Light: what most cases need. The others name what they need first.
PROLOGUE = """
#include "spanheap/detail/create.h"
using namespace spanheap;
struct Leaf { int value; };
"""


def compile_errors(text):
    done = subprocess.run(
        [COMPILER, "-std=c++20", "-Wall", "-Wextra", "-fsyntax-only", f"-I{INCLUDE}", "-xc++", "-"],
        input=PROLOGUE + text, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode != 0 else None


class CompileFail(unittest.TestCase):
    def expect(self, text, *wanted):
        errors = compile_errors(text)
        self.assertIsNotNone(errors, "this compiles:\n" + text)
        for part in wanted:
            self.assertIn(part, errors)

    def test_what_is_right_compiles_without_a_warning(self):
        done = subprocess.run(
            [COMPILER, "-std=c++20", "-Wall", "-Wextra", "-Werror", "-O2", "-fsyntax-only",
             f"-I{INCLUDE}", "-xc++", "-"],
            input=PROLOGUE + "struct Node { Ptr<Node> left, right; int value; };\n"
            "Node* Make() { return New<Node>(nullptr, nullptr, 1); }\n",
            capture_output=True, text=True, check=False)
        self.assertEqual(done.stderr, "")
        self.assertEqual(done.returncode, 0)

    def test_a_class_with_a_constructor_needs_a_layout(self):
        self.expect("struct Widget { Widget() {} Ptr<Leaf> leaf; };\n"
                    "Widget* Make() { return New<Widget>(); }",
                    "Widget", "SH_LAYOUT(Type, fields...)", "Conservative<Type>")

    def test_the_innermost_type_is_named(self):
        self.expect("class Secret { Ptr<Leaf> leaf; };\n"
                    "struct Outer { int a; Secret secret[2]; };\n"
                    "Outer* Make() { return New<Outer>(); }",
                    "NoLayoutFor<Secret>", "SH_LAYOUT")

    def test_a_base_class_needs_a_layout(self):
        self.expect("struct Derived : Leaf { Ptr<Leaf> leaf; };\n"
                    "Derived* Make() { return New<Derived>(); }", "Derived", "SH_LAYOUT")

    def test_a_raw_pointer_to_the_own_type_is_refused(self):
        self.expect("struct Link { Link* next; int value; };\n"
                    "Link* Make() { return New<Link>(); }", "Link", "raw pointer", "spanheap::Ptr")

    def test_an_inherited_layout_is_not_enough(self):
        self.expect("struct Base { Base() {} Ptr<Leaf> a; SH_LAYOUT(Base, a); };\n"
                    "struct Derived : Base { Ptr<Leaf> b; };\n"
                    "Derived* Make() { return New<Derived>(); }",
                    "Derived", "SH_LAYOUT_DERIVED")

    def test_an_inherited_trace_is_not_enough(self):
        self.expect("struct Base { void Trace(Visitor& visit) const { visit(a); } Ptr<Leaf> a; };\n"
                    "struct Derived : Base { Ptr<Leaf> b; };\n"
                    "Derived* Make() { return New<Derived>(); }", "Derived", "Trace member")

    def test_storage_of_the_library_holds_no_ptrs(self):
        self.expect("#include \"spanheap/detail/layout_std.h\"\nstruct Owner { std::vector<Ptr<Leaf>> leaves; };\n"
                    "Owner* Make() { return New<Owner>(); }", "Owner", "std::vector")

    def test_strict_alignment_is_refused(self):
        self.expect("struct alignas(64) Wide { char bytes[64]; };\n"
                    "Wide* Make() { return New<Wide>(); }", "Wide", "multiples of 16")

    def test_a_packed_ptr_is_refused(self):
        self.expect("#pragma pack(1)\nstruct Tight { char a; Ptr<Leaf> b; SH_LAYOUT(Tight, b); };\n"
                    "#pragma pack()\nTight* Make() { return New<Tight>(); }", "no multiple of 8")

    def test_elements_of_containers_have_no_destructor(self):
        self.expect("#include \"spanheap/detail/vector.h\"\n#include <string>\nvoid Fill(Vector<std::string>& v) { v.push_back(\"a\"); }",
                    "Vector<Ptr<T>>")

    def test_unrelated_types_do_not_convert(self):
        self.expect("struct Other { int a; };\nvoid Set(Ptr<Leaf>& a, const Ptr<Other>& b) { a = b; }",
                    "Other")


if __name__ == "__main__":
    unittest.main()
