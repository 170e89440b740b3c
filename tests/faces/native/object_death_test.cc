// SPDX-License-Identifier: MIT
//
// Weak handles, cleanups, finalizers, destructors: in which order, and how often.
#include <atomic>
#include <stdexcept>

#include "faces/native/native_fixture.h"

namespace spanheap {
namespace {

using ObjectDeath = Native;

TEST_F(ObjectDeath, WeakIsNullOnceTheObjectDied) {
  Root<Node> root;
  WeakRoot<Node> weak;
  WeakRoot<Node> same;
  Elsewhere([&] {
    root = New<Node>(nullptr, nullptr, 9);
    weak = root;
    same = root;
  });
  Collect();
  Elsewhere([&] {
    ASSERT_NE(weak.get(), nullptr);
    EXPECT_EQ(weak.get()->value, 9);
  });
  EXPECT_TRUE(weak == same);
  root = nullptr;
  EXPECT_TRUE(Eventually([&] { return weak.get() == nullptr; }));
  EXPECT_EQ(same.get(), nullptr);
  EXPECT_FALSE(weak.empty());
  weak.reset();
  EXPECT_TRUE(weak.empty());
}

constinit WeakRoot<Node> empty_from_the_start = nullptr;

TEST_F(ObjectDeath, WeakRootsMayBeNull) {
  Root<Node> root;
  WeakRoot<Node> weak = nullptr;
  EXPECT_TRUE(weak.empty());
  EXPECT_TRUE(weak == empty_from_the_start);
  Elsewhere([&] { root = New<Node>(); });
  weak = root;
  EXPECT_FALSE(weak.empty());
  weak = nullptr;
  EXPECT_TRUE(weak.empty());
  EXPECT_EQ(weak.get(), nullptr);
}

struct Cache {
  Weak<Node> entry;
};
TEST_F(ObjectDeath, WeakFieldsKeepNothing) {
  Root<Cache> cache = New<Cache>();
  Elsewhere([&] { cache->entry = New<Node>(); });
  EXPECT_TRUE(Eventually([&] { return cache->entry.get() == nullptr; }));
  CollectTo(2);  // the cache, and the handle it holds
  EXPECT_EQ(Weak<Node>().get(), nullptr);
}

std::atomic<int> cleaned;

TEST_F(ObjectDeath, CleanupsRunAfterIt) {
  cleaned = 0;
  Root<Node> root;
  Elsewhere([&] {
    root = New<Node>();
    AddCleanup(root, [](int n) { cleaned += n; }, 1);
    AddCleanup(root.get(), [](int n, int m) { cleaned += n * m; }, 10, 2);
  });
  CollectAndRun();
  EXPECT_EQ(cleaned, 0);
  root = nullptr;
  EXPECT_TRUE(Eventually([] { return cleaned == 21; }));
  CollectAndRun();
  EXPECT_EQ(cleaned, 21);
  CollectTo(0);
}

TEST_F(ObjectDeath, AStoppedCleanupDoesNotRun) {
  cleaned = 0;
  Root<Node> root;
  WeakRoot<Node> weak;
  Elsewhere([&] {
    root = New<Node>();
    weak = root;
    Cleanup cleanup = AddCleanup(root, [] { cleaned = 1; });
    EXPECT_TRUE(cleanup.Stop());
    EXPECT_FALSE(cleanup.Stop());
  });
  root = nullptr;
  EXPECT_TRUE(Eventually([&] { return weak.get() == nullptr; }));
  CollectAndRun();
  EXPECT_EQ(cleaned, 0);
  EXPECT_FALSE(Cleanup().Stop());
}

TEST_F(ObjectDeath, ArgumentsOfACleanupLiveUntilItRuns) {
  cleaned = 0;
  Root<Node> root;
  Elsewhere([&] {
    root = New<Node>();
    Node* raw = New<Node>(nullptr, nullptr, 3);
    Ptr<Node> pointer = New<Node>(nullptr, nullptr, 4);
    AddCleanup(
        root, [](Node* a, const Ptr<Node>& b) { cleaned = a->value + b->value; }, raw, pointer);
  });
  Collect();
  root = nullptr;
  EXPECT_TRUE(Eventually([] { return cleaned == 7; }));
}

TEST_F(ObjectDeath, ArgumentsWithDestructorsAreDestroyedOnce) {
  static std::atomic<int> alive = 0;
  struct Counted {
    Counted() { ++alive; }
    Counted(const Counted&) { ++alive; }
    ~Counted() { --alive; }
  };
  Elsewhere([] {
    Node* const node = New<Node>();
    AddCleanup(node, [](const Counted&) { EXPECT_GT(alive, 0); }, Counted());
    EXPECT_EQ(alive, 1);
    KeepAlive(node);
  });
  EXPECT_TRUE(Eventually([] { return alive == 0; }));
}

TEST_F(ObjectDeath, AFinalizerMayGiveANewLife) {
  static Root<Node> saved;
  std::atomic<int> runs = 0;
  Root<Node> root;
  WeakRoot<Node> weak;
  Elsewhere([&] {
    root = New<Node>(nullptr, nullptr, 11);
    weak = root;
    SetFinalizer(
        root,
        [](Node* node, std::atomic<int>* count) {
          saved = node;
          ++*count;
        },
        &runs);
  });
  root = nullptr;
  EXPECT_TRUE(Eventually([&] { return runs == 1; }));
  EXPECT_EQ(weak.get(), nullptr);  // weak ends first
  EXPECT_EQ(saved->value, 11);
  CollectAndRun();
  EXPECT_EQ(saved->value, 11);
  saved = nullptr;
  CollectAndRun();
  EXPECT_EQ(runs, 1);
  weak.reset();
  CollectTo(0);
}

TEST_F(ObjectDeath, ASecondFinalizerReplacesTheFirst) {
  static std::atomic<int> which = 0;
  Root<Node> root;
  WeakRoot<Node> weak;
  Elsewhere([&] {
    root = New<Node>();
    SetFinalizer(root, [](Node*) { which = 1; });
    SetFinalizer(root, [](Node*) { which = 2; });
  });
  root = nullptr;
  EXPECT_TRUE(Eventually([] { return which == 2; }));
  Elsewhere([&] {
    weak = root = New<Node>();
    SetFinalizer(root, [](Node*) { which = 3; });
    ClearFinalizer(root);
  });
  root = nullptr;
  EXPECT_TRUE(Eventually([&] { return weak.get() == nullptr; }));
  CollectAndRun();
  EXPECT_EQ(which, 2);
}

TEST_F(ObjectDeath, CleanupsWaitForTheFinalizer) {
  static std::atomic<int> finalized = 0;
  static std::atomic<int> finalized_at_cleanup = -1;
  Elsewhere([] {
    Node* const node = New<Node>();
    AddCleanup(node, [] { finalized_at_cleanup = finalized.load(); });
    SetFinalizer(node, [](Node*) { ++finalized; });
    KeepAlive(node);
  });
  EXPECT_TRUE(Eventually([] { return finalized == 1; }));
  EXPECT_TRUE(Eventually([] { return finalized_at_cleanup == 1; }));
}

struct File {
  explicit File(std::atomic<int>* closed) : closed_(closed) {}
  ~File() {
    ++*closed_;
    if (next) {
      EXPECT_EQ(next->value, 5);  // still whole
    }
  }
  Ptr<Node> next;
  std::atomic<int>* closed_;
  SH_LAYOUT(File, next);
};
TEST_F(ObjectDeath, DestructorsRunOnceAndMayTouchWhatTheyHold) {
  std::atomic<int> closed = 0;
  Elsewhere([&] { New<File>(&closed)->next = New<Node>(nullptr, nullptr, 5); });
  EXPECT_TRUE(Eventually([&] { return closed == 1; }));
  CollectAndRun();
  EXPECT_EQ(closed, 1);
  CollectTo(0);
}

struct Eager {
  static constexpr Finalize kFinalize = finalize_at_sweep;
  ~Eager() { ++ended; }
  static inline std::atomic<int> ended = 0;
};
TEST_F(ObjectDeath, EagerDestructorsRunAtSweepForEachElement) {
  Elsewhere([] {
    NewArray<Eager>(3);
    New<Eager>();
  });
  EXPECT_TRUE(Eventually([] { return Eager::ended == 4; }));
}

struct Fragile {
  explicit Fragile(bool fails) {
    if (fails) throw std::runtime_error("no");
  }
  ~Fragile() { ++ended; }
  static inline std::atomic<int> ended = 0;
};
TEST_F(ObjectDeath, AConstructorThatThrowsLeavesNoDestructor) {
  EXPECT_THROW(New<Fragile>(true), std::runtime_error);
  CollectAndRun();
  EXPECT_EQ(Fragile::ended, 0);
  CollectTo(0);
}

TEST_F(ObjectDeath, DeleteRunsTheDestructorNow) {
  std::atomic<int> closed = 0;
  File* const file = New<File>(&closed);
  WeakRoot<File> weak = file;
  Delete(file);
  EXPECT_EQ(closed, 1);
  EXPECT_EQ(weak.get(), nullptr);
  CollectAndRun();
  EXPECT_EQ(closed, 1);
}

}  // namespace
}  // namespace spanheap
