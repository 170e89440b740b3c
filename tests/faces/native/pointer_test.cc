// SPDX-License-Identifier: MIT
#include <set>
#include <thread>
#include <unordered_set>

#include "faces/native/native_fixture.h"

namespace spanheap {
namespace {

using Pointers = Native;

TEST_F(Pointers, AreOneWordAndTrivialToDestroy) {
  static_assert(sizeof(Ptr<Node>) == sizeof(void*) && sizeof(AtomicPtr<Node>) == sizeof(void*) &&
                sizeof(Weak<Node>) == sizeof(void*) && sizeof(Root<Node>) == sizeof(void*));
  static_assert(std::is_trivially_destructible_v<Ptr<Node>> &&
                std::is_trivially_destructible_v<Weak<Node>> &&
                std::is_trivially_destructible_v<Vector<Ptr<Node>>> &&
                std::is_trivially_destructible_v<String>);
  static_assert(!std::is_trivially_copyable_v<Ptr<Node>>);
}

TEST_F(Pointers, AStructTakesItsFieldsInOrder) {
  Node* const leaf = New<Node>(nullptr, nullptr, 1);
  Ptr<Node> root = New<Node>(leaf, nullptr, 2);
  EXPECT_EQ(root->left, leaf);
  EXPECT_EQ(root->left->value, 1);
  EXPECT_FALSE(root->right);
  EXPECT_EQ(New<Node>()->value, 0);
}

TEST_F(Pointers, CompareHashAndSwapAsAddresses) {
  Ptr<Node> a = New<Node>();
  Ptr<Node> b = New<Node>();
  Node* const first = a;
  EXPECT_TRUE(a != b);
  EXPECT_TRUE(a == first);
  EXPECT_EQ(a < b, a.get() < b.get());
  EXPECT_EQ(std::hash<Ptr<Node>>()(a), std::hash<Node*>()(first));
  swap(a, b);
  EXPECT_EQ(b, first);
  a = nullptr;
  EXPECT_EQ(a, nullptr);
  std::unordered_set<Node*> set = {a, b};
  EXPECT_EQ(set.size(), 2u);
}

Node* LeftOf(Ptr<Node> node) { return node->left; }

TEST_F(Pointers, ComeFromRoots) {
  const Root<Node> root = New<Node>(New<Node>(), nullptr, 2);
  ThreadRoot<Node> of_thread;
  of_thread = root;
  Ptr<Node> a = root;
  Ptr<const Node> b = of_thread;
  EXPECT_EQ(a, root);
  EXPECT_EQ(b, root);
  a = nullptr;
  a = of_thread;
  EXPECT_EQ(LeftOf(root), a->left);
  Root<const Node> c = of_thread;
  c = of_thread;
  EXPECT_EQ(c, root);
}

struct Leaf {
  int leaf = 1;
};
struct Branch : Leaf {
  int branch = 2;
};

TEST_F(Pointers, ThreadRootsTakePointersToDerivedObjects) {
  const Ptr<Branch> branch = New<Branch>();
  ThreadRoot<Leaf> of_thread;
  of_thread = branch;
  EXPECT_EQ(of_thread, branch);
  of_thread = nullptr;
  EXPECT_FALSE(of_thread);
  ThreadRoot<const Branch> constant;
  constant = branch;
  EXPECT_EQ(constant->branch, 2);
  static_assert(!std::is_assignable_v<ThreadRoot<Branch>&, const Ptr<Leaf>&>);
  static_assert(!std::is_assignable_v<ThreadRoot<Branch>&, const Ptr<const Branch>&>);
}

struct Counted {
  Counted() : number(++made) {}
  ~Counted() {}
  int number;
  static inline int made = 0;
  SH_LAYOUT(Counted);
};

TEST_F(Pointers, ObjectsMayBeConstant) {
  const Node* const node = New<const Node>(nullptr, nullptr, 3);
  EXPECT_EQ(node->value, 3);
  EXPECT_EQ(NewArray<const int>(2)[1], 0);
  EXPECT_EQ(NewArray<const Counted>(3)[2].number, Counted::made);
}

struct Base {
  int base = 1;
};
struct Other {
  Ptr<Node> other;
};
struct Both : Base, Other {
  SH_LAYOUT(Both, other);
};

TEST_F(Pointers, ToBasesAndMembersKeepTheWholeObject) {
  Root<Other> base;
  Root<int> member;
  {
    Both* const both = New<Both>();
    both->other = New<Node>(nullptr, nullptr, 5);
    const Ptr<Both> pointer = both;
    const Ptr<Other> as_base = pointer;
    base = as_base;
    Node* const node = New<Node>(nullptr, nullptr, 6);
    member = &node->value;
  }
  CollectTo(3);
  EXPECT_EQ(base->other->value, 5);
  EXPECT_EQ(*member, 6);
}

TEST_F(Pointers, RootsKeepObjectsUntilTheyEnd) {
  {
    Root<Node> root = New<Node>(New<Node>(), nullptr, 0);
    Root<Node> copy = root;
    root = nullptr;
    CollectTo(2);
    Root<Node> moved = std::move(copy);
    CollectTo(2);
    EXPECT_TRUE(moved);
  }
  CollectTo(0);
}

constinit Root<Node> global;
constinit thread_local ThreadRoot<Node> per_thread;

TEST_F(Pointers, GlobalsAndThreadLocalsAreConstantsUntilUsed) {
  global = New<Node>(nullptr, nullptr, 7);
  std::thread([] {
    per_thread = New<Node>();
    CollectTo(2);
  }).join();
  CollectTo(1);
  global.reset();
  CollectTo(0);
}

struct Shared {
  AtomicPtr<Node> head;
};
TEST_F(Pointers, AtomicPointersExchangeAndCompare) {
  auto* const shared = New<Shared>();
  Node* const a = New<Node>();
  Node* const b = New<Node>();
  shared->head.store(a);
  EXPECT_EQ(shared->head.exchange(b), a);
  Node* expected = a;
  EXPECT_FALSE(shared->head.compare_exchange(expected, nullptr));
  EXPECT_EQ(expected, b);
  EXPECT_TRUE(shared->head.compare_exchange(expected, a));
  EXPECT_EQ(shared->head.load(), a);
}

TEST_F(Pointers, AtomicPointersTakeMemoryOrders) {
  auto* const shared = New<Shared>();
  Node* const a = New<Node>();
  shared->head.store(a, std::memory_order_relaxed);
  EXPECT_EQ(shared->head.load(std::memory_order_relaxed), a);
  shared->head.store(nullptr, std::memory_order_seq_cst);
  EXPECT_EQ(shared->head.exchange(a, std::memory_order_seq_cst), nullptr);
  Node* expected = a;
  EXPECT_TRUE(shared->head.compare_exchange(expected, nullptr, std::memory_order_release));
  EXPECT_EQ(shared->head.load(std::memory_order_seq_cst), nullptr);
}

TEST_F(Pointers, ArraysAreScannedAsTheirElementsSay) {
  Root<Ptr<Node>> nodes = NewArray<Ptr<Node>>(100);
  Root<char> raw = NewArray<char>(8);
  for (int i = 0; i < 100; ++i) nodes.get()[i] = New<Node>(nullptr, nullptr, i);
  Node* const unseen = New<Node>();
  std::memcpy(raw.get(), &unseen, 8);
  CollectTo(102);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(nodes.get()[i]->value, i);
}

TEST_F(Pointers, TracedObjectsNameWhatTheyHold) {
  struct Irregular {
    std::size_t used = 0;
    Ptr<Node> slots[4];
    void Trace(Visitor& visit) const {
      for (std::size_t i = 0; i < used; ++i) visit(slots[i]);
    }
  };
  Root<Irregular> irregular = New<Irregular>();
  for (int i = 0; i < 4; ++i) irregular->slots[i] = New<Node>(nullptr, nullptr, i);
  irregular->used = 2;
  CollectTo(3);
  EXPECT_EQ(irregular->slots[0]->value, 0);
  EXPECT_EQ(irregular->slots[1]->value, 1);
}

TEST_F(Pointers, LimitsHaveUnits) {
  static_assert(512_MiB == int64_t{512} << 20 && 1_GiB == 1024_MiB && 1_MiB == 1024_KiB);
  EXPECT_EQ(SetMemoryLimit(512_MiB), kNoMemoryLimit);
  EXPECT_EQ(memory_limit(), 512_MiB);
  EXPECT_EQ(SetMemoryLimit(kNoMemoryLimit), 512_MiB);
  EXPECT_EQ(SetGcPercent(50), 85);
  EXPECT_EQ(SetGcPercent(85), 50);
}

}  // namespace
}  // namespace spanheap
