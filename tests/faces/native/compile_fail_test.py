#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Types whose layout cannot be told are compile errors that name the type and the remedy.

usage: compile_fail_test.py COMPILER INCLUDE_DIRECTORY
"""

import re
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

LIBRARY = "#include \"spanheap/detail/layout_std.h\"\n"


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

    def test_pointers_that_are_not_copied_are_pointers(self):
        for field in ("AtomicPtr<Leaf> leaf", "Conservative<long> words"):
            self.expect(f"struct Box {{ Box() {{}} {field}; }};\n"
                        "Box* Make() { return New<Box>(); }", "NoLayoutFor<Box>", "SH_LAYOUT")

    def test_what_may_be_moved_out_of_its_place_needs_a_layout(self):
        for fields in ("unsigned a : 1, b : 1, c : 1; Ptr<Leaf> leaf; Ptr<Leaf> next; long double x",
                       "alignas(8) char a; Ptr<Leaf> leaf; long double x",
                       "int bits : 3; int more : 4; Ptr<Leaf> leaf",
                       "unsigned a : 8, b : 8, c : 16; Ptr<Leaf> leaf; unsigned long : 64",
                       "unsigned a : 4, b : 4; Ptr<Leaf> leaf; int k; alignas(8) int c",
                       "[[no_unique_address]] Nothing n; Ptr<Leaf> leaf; int k; alignas(8) int c"):
            self.expect("struct Nothing {};\n"
                        f"struct Body {{ {fields}; }};\n"
                        "Body* Make() { return New<Body>(); }", "NoLayoutFor<Body>", "SH_LAYOUT")

    def test_a_virtual_base_has_no_place(self):
        self.expect("struct Base { virtual ~Base() {} Ptr<Leaf> leaf; SH_LAYOUT(Base, leaf); };\n"
                    "struct Derived : virtual Base { Ptr<Leaf> more; "
                    "SH_LAYOUT_DERIVED(Derived, Base, more); };\n"
                    "Derived* Make() { return New<Derived>(); }", "virtual", "Conservative<Type>")

    def test_more_than_a_pointer_is_no_pointer(self):
        self.expect("struct Handle : Ptr<Leaf> { Ptr<Leaf> other; };\n"
                    "struct Holder { Handle handle; };\n"
                    "Holder* Make() { return New<Holder>(); }", "NoLayoutFor<Handle>")

    def test_the_innermost_type_is_named(self):
        self.expect("class Secret { Ptr<Leaf> leaf; };\n"
                    "struct Outer { int a; Secret secret[2]; };\n"
                    "Outer* Make() { return New<Outer>(); }",
                    "NoLayoutFor<Secret>", "SH_LAYOUT")

    def test_a_field_of_a_layout_needs_one_too(self):
        self.expect("struct Inner { Inner() {} Ptr<Leaf> leaf; };\n"
                    "struct Outer { Outer() {} Inner inner; SH_LAYOUT(Outer, inner); };\n"
                    "Outer* Make() { return New<Outer>(); }", "in its class, too")

    def test_a_base_class_needs_a_layout(self):
        self.expect("struct Derived : Leaf { Ptr<Leaf> leaf; };\n"
                    "Derived* Make() { return New<Derived>(); }", "Derived", "SH_LAYOUT")

    def test_a_raw_pointer_to_the_own_type_is_refused(self):
        for field in ("Link* next", "const Link* next", "Link* next[4]", "Link** next",
                      "std::array<Link*, 2> next", "std::pair<int, Link*> next",
                      "std::optional<Link*> next", "std::atomic<Link*> next",
                      "std::span<Link> next", "std::vector<Link*> next",
                      "struct Inner { Link* up; } inner", "Link* next; char large[500]",
                      "Link* next; Ptr<Leaf> leaf"):
            with self.subTest(field):
                self.expect(f"{LIBRARY}struct Link {{ {field}; int value; }};\n"
                            "Link* Make() { return New<Link>(); }",
                            "RawPointer<Link, Link>", "raw pointer", "spanheap::Ptr", "Unowned")

    def test_a_raw_pointer_in_a_layout_is_refused(self):
        self.expect("struct Link { Link() {} Link* next; SH_LAYOUT(Link, next); };\n"
                    "Link* Make() { return New<Link>(); }", "RawPointer<Link, Link>")

    def test_raw_pointers_in_a_circle_are_refused(self):
        self.expect("struct B; struct A { B* b; }; struct B { A* a[2]; };\n"
                    "A* Make() { return New<A>(); }", "RawPointer<A, B>")
        self.expect("struct B; struct C; struct A { B* b; }; struct B { C* c; };\n"
                    "struct C { int number; A* a; };\nA* Make() { return New<A>(); }",
                    "RawPointer<A, B>")

    def test_a_raw_pointer_to_what_holds_ptrs_is_refused(self):
        self.expect("struct Node { Ptr<Leaf> leaf; }; struct Holder { int a; Node* node; };\n"
                    "Holder* Make() { return New<Holder>(); }", "RawPointer<Holder, Node>")
        self.expect("struct Node { Ptr<Leaf> leaf; };\n"
                    "Node** Make() { return NewArray<Node*>(3); }", "raw pointer")

    def test_raw_pointers_to_others_and_on_purpose_compile(self):
        text = ("#include <cstdio>\n" + LIBRARY +
                "struct Never; struct Node { Ptr<Leaf> leaf; Unowned<Node> parent; };\n"
                "struct Other { union { int a; float b; }; Other* next; };\n"
                "struct Tail { int n; Other* other; char* text; FILE* file; Never* never; };\n"
                "Tail* Make() { return New<Tail>(); }\n"
                "struct Tree { std::vector<Tree> children; std::unique_ptr<Tail> tail; };\n"
                "struct Big { int n[30]; Tree* tree; Leaf* leaf; void* any; };\n"
                "template Node* spanheap::New();\n"
                "template Tree* spanheap::New(); template Big* spanheap::New();\n"
                "struct Many { int a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z; };\n"
                "template Many* spanheap::New();\n")
        self.assertIsNone(compile_errors(text))

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
        for field in ("std::vector<Ptr<Leaf>>", "std::list<Ptr<Leaf>>", "std::deque<Holder>",
                      "std::set<Ptr<Leaf>>", "std::unique_ptr<Holder>", "std::shared_ptr<Holder>",
                      "std::map<int, std::vector<Holder>>", "std::vector<Later>",
                      "std::unordered_multiset<Ptr<Leaf>>", "std::unordered_multimap<int, Holder>",
                      "std::unique_ptr<int, Deleter<std::vector<Holder>>>",
                      "Conservative<std::vector<Ptr<Leaf>>>",
                      "Conservative<std::queue<Ptr<Leaf>>>",
                      "Conservative<std::function<void()>>", "Conservative<HoldsFunction[2]>"):
            with self.subTest(field):
                self.expect(f"{LIBRARY}struct Holder {{ Ptr<Leaf> leaf; }}; struct Later;\n"
                            "template <class T> struct Deleter { T t; void operator()(int*); };\n"
                            "struct HoldsFunction { Ptr<Leaf> leaf; std::function<void()> f; };\n"
                            f"struct Owner {{ int a; {field} held; }};\n"
                            "Owner* Make() { return New<Owner>(); }",
                            "UnseenStorage<Owner, std::", "spanheap::Vector")

    def test_rooted_storage_holds_no_raw_pointers(self):
        prologue = ("#include \"spanheap/detail/root_allocator.h\"\n" + LIBRARY +
                    "struct Node { Ptr<Node> next; }; struct Entry { int key; const Node* node; };\n"
                    "template <class T> using A = RootAllocator<T>;\n")
        for use in ("void F(std::vector<Node*, A<Node*>>& c) { c.push_back(nullptr); }",
                    "void F(std::deque<Entry, A<Entry>>& c) { c.push_back({}); }",
                    "void F(std::list<Node*, A<Node*>>& c) { c.push_back(nullptr); }",
                    "void F(std::map<int, Node*, std::less<>, A<std::pair<const int, Node*>>>& c)"
                    " { c[1] = nullptr; }"):
            with self.subTest(use):
                self.expect(prologue + use, "RawPointerInRoot<", "Make them spanheap::Ptr")
        self.assertIsNone(compile_errors(
            prologue + "void F(std::deque<Node, A<Node>>& c) { c.push_back({}); }\n"
            "void F(std::vector<int*, A<int*>>& c) { c.push_back(nullptr); }\n"
            "void F(std::vector<Unowned<Node>, A<Unowned<Node>>>& c) { c.push_back(nullptr); }\n"
            "using Map = std::unordered_map<int, Ptr<Node>, std::hash<int>, std::equal_to<>,"
            " A<std::pair<const int, Ptr<Node>>>>;\n"
            "Ptr<Node>& F(Map& c) { Map copy(c); copy.swap(c); return c[1]; }\n"
            "auto Share() { return std::allocate_shared<Node>(A<Node>()); }\n"
            "static_assert(A<int>() == A<long>());\n"))

    def test_captures_cannot_be_told(self):
        self.expect(f"{LIBRARY}struct Owner {{ std::function<void()> call; }};\n"
                    "Owner* Make() { return New<Owner>(); }",
                    "NoLayoutFor<std::function<void", "captured")

    def test_what_complaints_say_to_write_compiles(self):
        for kind, text in (("std::function<void()>", ""), ("std::vector<Ptr<Leaf>>", ""),
                           ("Widget", "struct Widget { Widget() {} Ptr<Leaf> leaf; };\n")):
            head = f"{LIBRARY}#include <functional>\n#include <vector>\n{text}"
            tail = f"struct Owner {{ {kind} field; }};\nOwner* Make() {{ return New<Owner>(); }}"
            with self.subTest(kind):
                self.expect(head + tail, "template <>")
                [say] = set(re.findall(r"template <> inline.*?;", compile_errors(head + tail)))
                self.assertIsNone(compile_errors(f"{head}{say.replace('Type', kind)}\n{tail}"))

    def test_a_union_without_a_name_is_refused_like_others(self):
        self.expect("struct Value { int tag; union { int i; double d; }; Ptr<Leaf> leaf; };\n"
                    "Value* Make() { return New<Value>(); }", "NoLayoutFor<Value>", "SH_LAYOUT")

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
