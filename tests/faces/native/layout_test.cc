// SPDX-License-Identifier: MIT
//
// What layout.h finds out about types. Nearly all of it is checked by the compiler; the tests are
// there to have a name for each claim.
#include <gtest/gtest.h>

#include <cstring>
#include <queue>
#include <stack>

#include "spanheap/gc.h"

namespace spanheap {
namespace {

using detail::LayoutOf;
using detail::TypeLayout;

template <class T>
constexpr uint64_t Bits() {
  return TypeLayout<T>::kMap.bits[0];
}
template <class T>
constexpr uint32_t KindOf() {
  return TypeLayout<T>::Kind();
}

struct Leaf {
  int value;
};
struct Node {
  Ptr<Node> left, right;
  int value;
};

TEST(Layout, PlainStructsAreTakenApart) {
  static_assert(Bits<Node>() == 0b011);
  static_assert(KindOf<Node>() == SH_SCAN_PRECISE);
  EXPECT_EQ(LayoutOf<Node>()->size, sizeof(Node));
  EXPECT_EQ(LayoutOf<Node>()->destroy, nullptr);
  EXPECT_EQ(LayoutOf<const Node>(), LayoutOf<Node>());
}

TEST(Layout, NamesAreReadable) {
  EXPECT_NE(std::strstr(LayoutOf<Node>()->name, "Node"), nullptr);
  EXPECT_STREQ(LayoutOf<int>()->name, "int");
}

struct Numbers {
  double a[5];
  char text[7];
  int b;
  const char* name;
  void* handle;
  int (*call)(int);
};
TEST(Layout, WhatHoldsNoPtrIsNeverScanned) {
  static_assert(KindOf<int>() == SH_SCAN_NONE);
  static_assert(KindOf<char>() == SH_SCAN_NONE);
  static_assert(KindOf<Leaf>() == SH_SCAN_NONE);
  static_assert(KindOf<Numbers>() == SH_SCAN_NONE);
  static_assert(KindOf<std::string>() == SH_SCAN_NONE);
  static_assert(KindOf<std::vector<int>>() == SH_SCAN_NONE);
  static_assert(KindOf<std::optional<int>>() == SH_SCAN_NONE);
  static_assert(KindOf<std::pair<int, double>>() == SH_SCAN_NONE);
}

struct Nested {
  char tag;
  Node node;
  Ptr<Leaf> many[3];
  short small[5];
  std::array<Ptr<Leaf>, 2> pair;
  Node nodes[2];
  AtomicPtr<Leaf> atomic;
  Weak<Leaf> weak;
};
TEST(Layout, NestedStructsAndArraysComposeTheirBits) {
  // tag 0; node 1..3; many 4..6; small 7..8; pair 9..10; nodes 11..16; atomic 17; weak 18.
  static_assert(Bits<Nested>() == (0b011u << 1 | 0b111u << 4 | 0b11u << 9 | 0b011011u << 11 |
                                   0b1u << 17 | 0b1u << 18));
  static_assert(sizeof(Nested) == 19 * 8);
}

struct ManyWords {
  char before[512];
  Ptr<Leaf> a;
  Ptr<Leaf> rows[2][40];
};
TEST(Layout, BitsGoOnBeyondOneWord) {
  static_assert(TypeLayout<ManyWords>::kMap.bits.size() == 3);
  static_assert(TypeLayout<ManyWords>::kMap.bits[0] == 0);
  static_assert(TypeLayout<ManyWords>::kMap.bits[1] == ~uint64_t{0});
  static_assert(TypeLayout<ManyWords>::kMap.bits[2] == (1u << 17) - 1);
}

struct Full24 {
  Ptr<Leaf> a, b, c, d, e, f, g, h, i, j, k, l;
  int m, n, o, p, q, r, s, t, u, v, w, x;
};
TEST(Layout, AsManyFieldsAsThereAreNamesFor) { static_assert(Bits<Full24>() == 0xfff); }

struct Foreign2 {
  Ptr<Leaf> a;
  int b;
};
class Described {
 public:
  virtual ~Described() = default;
  Ptr<Leaf> open;

 private:
  [[maybe_unused]] int number_ = 0;
  Ptr<Leaf> hidden_;
  SH_LAYOUT(Described, open, hidden_);
};
class Derived : public Described {
 public:
  Ptr<Node> more;
  Node inner;
  SH_LAYOUT_DERIVED(Derived, Described, more, inner);
};
struct BringsTable : Leaf {
  virtual ~BringsTable() = default;
  Ptr<Leaf> own;
  SH_LAYOUT_DERIVED(BringsTable, Leaf, own);
};
struct OnHolder : Foreign2 {
  virtual ~OnHolder() = default;
  SH_LAYOUT_DERIVED(OnHolder, Foreign2);
};
struct SaysNone : Leaf {
  int more;
  SH_LAYOUT(SaysNone);
};
TEST(Layout, DescribedClassesSayTheirFields) {
  static_assert(Bits<Described>() == 0b1010);  // vtable, open, number_, hidden_
  static_assert(Bits<Derived>() == 0b1111010);
  static_assert(Bits<BringsTable>() == 0b100);
  static_assert(Bits<OnHolder>() == 0b10);
  static_assert(KindOf<SaysNone>() == SH_SCAN_NONE);
}

struct Foreign : Leaf {
  Ptr<Leaf> next;
  Foreign() {}
};
SH_LAYOUT_OF(Foreign, next);
TEST(Layout, ClassesOfOthersAreDescribedBesideThem) { static_assert(Bits<Foreign>() == 0b10); }

template <class T>
struct Box {
  explicit Box(int) {}
  Ptr<T> content;
  T value;
  SH_LAYOUT(Box, content, value);
};
TEST(Layout, TemplatesAreDescribedOnce) {
  static_assert(Bits<Box<int>>() == 0b01);
  static_assert(Bits<Box<Node>>() == 0b0111);
}

struct Irregular {
  int used = 0;
  Ptr<Leaf> slots[4];
  void Trace(Visitor& visit) const {
    for (int i = 0; i < used; ++i) visit(slots[i]);
  }
};
struct HoldsIrregular {
  Ptr<Leaf> before;
  Irregular inner;
};
TEST(Layout, TraceMembersMakeTracedTypes) {
  static_assert(KindOf<Irregular>() == SH_SCAN_TRACED);
  static_assert(KindOf<HoldsIrregular>() == SH_SCAN_TRACED);
  EXPECT_NE(LayoutOf<Irregular>()->trace, nullptr);
  EXPECT_EQ(LayoutOf<Node>()->trace, nullptr);
}

struct Abstract {
  virtual ~Abstract() = default;
  virtual void Trace(Visitor& visit) const = 0;
};
struct Concrete : Abstract {
  using T = int;  // not to be taken for the T of layout.h
  static inline int traces = 0;
  void Trace(Visitor&) const override { ++traces; }
};
TEST(Layout, VirtualTraceIsCalledBeforeThereIsATableOfVirtualFunctions) {
  static_assert(KindOf<Concrete>() == SH_SCAN_TRACED);
  alignas(Concrete) const char not_yet[sizeof(Concrete)] = {};
  LayoutOf<Concrete>()->trace(not_yet, nullptr);
  EXPECT_EQ(Concrete::traces, 1);
}

struct Bare {
  Bare() {}
  Ptr<Leaf> hidden;
};
struct Mixed {
  int a;
  Conservative<Bare> bare;
  Ptr<Leaf> exact;
};
TEST(Layout, ConservativeWordsMayBeAnything) {
  static_assert(KindOf<Conservative<Bare>>() == SH_SCAN_CONSERVATIVE);
  static_assert(KindOf<Mixed>() == SH_SCAN_PRECISE);
  static_assert(Bits<Mixed>() == 0b110);
  static_assert((TypeLayout<Mixed>::Flags() & SH_AMBIGUOUS_WORDS) != 0);
  static_assert(KindOf<Conservative<char>>() == SH_SCAN_NONE);
}

struct Choices {
  std::optional<Ptr<Leaf>> maybe;
  std::variant<int, Ptr<Leaf>> either;
  std::tuple<Ptr<Leaf>, int> both;
  std::pair<int, Ptr<Leaf>> pair;
  std::optional<int> number;
};
TEST(Layout, TypesOfTheLibraryAreKnown) {
  // maybe 0..1, either 2..3, both 4..5, pair 6..7, number 8.
  static_assert(Bits<Choices>() == 0b010111111);
}

struct Tree {
  std::vector<Tree> children;
  std::set<int> numbers;
  std::unique_ptr<Leaf> leaf;
  std::list<std::unique_ptr<Tree>> more;
};
struct Adapted {
  std::queue<int> queue;
  std::stack<std::string> stack;
  std::priority_queue<long> ordered;
  std::unordered_multiset<int> many;
  std::unordered_multimap<int, std::string> more;
  std::array<Ptr<Leaf>, 0> none;
  Ptr<Leaf> leaf;
};
TEST(Layout, MemoryOfTheLibraryIsAsItsElementsAre) {
  static_assert(Bits<Adapted>() == uint64_t{1} << (offsetof(Adapted, leaf) / 8));
  static_assert(KindOf<Tree>() == SH_SCAN_NONE);
  static_assert(KindOf<Conservative<std::vector<int>>>() == SH_SCAN_CONSERVATIVE);
  EXPECT_NE(LayoutOf<Tree>()->destroy, nullptr);
}

struct Child {
  Unowned<Child> parent;
  Ptr<Child> next;
};
TEST(Layout, PlainPointersOnPurposeAreNotSeen) {
  static_assert(Bits<Child>() == 0b10);
  static_assert(std::is_trivially_copyable_v<Unowned<Child>>);
  Child child;
  child.parent = &child;
  EXPECT_EQ(child.parent->parent.get(), &child);
  EXPECT_EQ(child.parent, &child);
}

struct NamedUnions {
  union Number {
    int i;
    double d;
  } number;
  Ptr<Leaf> leaf;
  SH_LAYOUT(NamedUnions, leaf);
};
struct PlainWithUnion {
  NamedUnions::Number number;
  Ptr<Leaf> leaf;
};
TEST(Layout, UnionsWithANameAreFields) { static_assert(Bits<PlainWithUnion>() == 0b10); }

struct Containers {
  Vector<Containers> children;
  HashMap<String, Ptr<Node>> names;
  List<Node> list;
  String text;
};
TEST(Layout, CollectedContainersAreExactFields) {
  static_assert(KindOf<Containers>() == SH_SCAN_PRECISE);
  // data, size, capacity | entries, hashes, places, size | first, last, size | text, size
  static_assert(Bits<Containers>() == 0b01'011'0011'001);
}

struct Closes {
  int fd = 3;
  ~Closes() { fd = -1; }
};
struct ClosesAtSweep {
  static constexpr Finalize kFinalize = finalize_at_sweep;
  ~ClosesAtSweep() {}
};
TEST(Layout, DestructorsRunLaterUnlessTheTypeSaysOtherwise) {
  EXPECT_NE(LayoutOf<Closes>()->destroy, nullptr);
  EXPECT_EQ(LayoutOf<Closes>()->flags, uint32_t{SH_FINALIZE_LATER});
  EXPECT_EQ(LayoutOf<ClosesAtSweep>()->flags, uint32_t{SH_FINALIZE_AT_SWEEP});
  EXPECT_EQ(LayoutOf<Node>()->flags, 0u);
}

struct OnlyBits {
  int bits : 3;
  int more : 4;
};
struct Before {
  Ptr<Leaf> first;
  long double second;
};
TEST(Layout, WhatCannotMoveAPointerDoesNoHarm) {
  static_assert(KindOf<OnlyBits>() == SH_SCAN_NONE);
  static_assert(Bits<Before>() == 0b1);
  static_assert(sizeof(Conservative<Conservative<long>>) == sizeof(long));
}

}  // namespace
}  // namespace spanheap
