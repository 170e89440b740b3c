// SPDX-License-Identifier: MIT
//
// Weak handles, cleanups, finalizers, destructors: in which order, and how often.
#include "faces/native/native_fixture.h"

namespace spanheap {
namespace {

using ObjectDeath = Native;

void CollectAndRun() {
  Collect();
  EXPECT_TRUE(RunFinalizers());
}

TEST_F(ObjectDeath, WeakIsNullOnceTheObjectDied) {
  Root<Node> root = New<Node>(nullptr, nullptr, 9);
  WeakRoot<Node> weak = root;
  const WeakRoot<Node> same = root;
  Collect();
  ASSERT_NE(weak.get(), nullptr);
  EXPECT_EQ(weak.get()->value, 9);
  EXPECT_TRUE(weak == same);
  root = nullptr;
  Collect();
  EXPECT_EQ(weak.get(), nullptr);
  EXPECT_EQ(same.get(), nullptr);
  EXPECT_FALSE(weak.empty());
  weak.reset();
  EXPECT_TRUE(weak.empty());
}

struct Cache {
  Weak<Node> entry;
};
TEST_F(ObjectDeath, WeakFieldsKeepNothing) {
  Root<Cache> cache = New<Cache>();
  cache->entry = New<Node>();
  Collect();
  EXPECT_EQ(cache->entry.get(), nullptr);
  EXPECT_EQ(fake_gc::Count(), 2u);  // the cache, and the handle it holds
  EXPECT_EQ(Weak<Node>().get(), nullptr);
}

int cleaned;

TEST_F(ObjectDeath, CleanupsRunAfterIt) {
  cleaned = 0;
  Root<Node> root = New<Node>();
  AddCleanup(root, [](int n) { cleaned += n; }, 1);
  AddCleanup(root.get(), [](int n, int m) { cleaned += n * m; }, 10, 2);
  CollectAndRun();
  EXPECT_EQ(cleaned, 0);
  root = nullptr;
  CollectAndRun();
  EXPECT_EQ(cleaned, 21);
  CollectAndRun();
  EXPECT_EQ(cleaned, 21);
  EXPECT_EQ(CountAfterCollect(), 0u);
}

TEST_F(ObjectDeath, AStoppedCleanupDoesNotRun) {
  cleaned = 0;
  Root<Node> root = New<Node>();
  Cleanup cleanup = AddCleanup(root, [] { cleaned = 1; });
  EXPECT_TRUE(cleanup.Stop());
  EXPECT_FALSE(cleanup.Stop());
  root = nullptr;
  CollectAndRun();
  EXPECT_EQ(cleaned, 0);
  EXPECT_FALSE(Cleanup().Stop());
}

TEST_F(ObjectDeath, ArgumentsOfACleanupLiveUntilItRuns) {
  cleaned = 0;
  Root<Node> root = New<Node>();
  Node* raw = New<Node>(nullptr, nullptr, 3);
  Ptr<Node> pointer = New<Node>(nullptr, nullptr, 4);
  AddCleanup(
      root, [](Node* a, const Ptr<Node>& b) { cleaned = a->value + b->value; }, raw, pointer);
  raw = nullptr;
  pointer = nullptr;
  Collect();
  root = nullptr;
  CollectAndRun();
  EXPECT_EQ(cleaned, 7);
}

TEST_F(ObjectDeath, ArgumentsWithDestructorsAreDestroyedOnce) {
  static int alive = 0;
  struct Counted {
    Counted() { ++alive; }
    Counted(const Counted&) { ++alive; }
    ~Counted() { --alive; }
  };
  AddCleanup(New<Node>(), [](const Counted&) { EXPECT_GT(alive, 0); }, Counted());
  EXPECT_EQ(alive, 1);
  CollectAndRun();
  EXPECT_EQ(alive, 0);
}

TEST_F(ObjectDeath, AFinalizerMayGiveANewLife) {
  static Root<Node> saved;
  int runs = 0;
  Root<Node> root = New<Node>(nullptr, nullptr, 11);
  WeakRoot<Node> weak = root;
  SetFinalizer(
      root,
      [](Node* node, int* count) {
        saved = node;
        ++*count;
      },
      &runs);
  root = nullptr;
  Collect();
  EXPECT_EQ(weak.get(), nullptr);  // weak ends first
  EXPECT_TRUE(RunFinalizers());
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(saved->value, 11);
  saved = nullptr;
  CollectAndRun();
  EXPECT_EQ(runs, 1);
  weak.reset();
  EXPECT_EQ(CountAfterCollect(), 0u);
}

TEST_F(ObjectDeath, ASecondFinalizerReplacesTheFirst) {
  static int which = 0;
  Root<Node> root = New<Node>();
  SetFinalizer(root, [](Node*) { which = 1; });
  SetFinalizer(root, [](Node*) { which = 2; });
  root = nullptr;
  CollectAndRun();
  EXPECT_EQ(which, 2);
  root = New<Node>();
  SetFinalizer(root, [](Node*) { which = 3; });
  ClearFinalizer(root);
  root = nullptr;
  CollectAndRun();
  EXPECT_EQ(which, 2);
}

TEST_F(ObjectDeath, CleanupsWaitForTheFinalizer) {
  static std::string order;
  order.clear();
  Node* const node = New<Node>();
  AddCleanup(node, [] { order += "cleanup "; });
  SetFinalizer(node, [](Node*) { order += "finalizer "; });
  CollectAndRun();
  EXPECT_EQ(order, "finalizer ");
  CollectAndRun();
  EXPECT_EQ(order, "finalizer cleanup ");
}

struct File {
  explicit File(int* closed) : closed_(closed) {}
  ~File() {
    ++*closed_;
    if (next) {
      EXPECT_EQ(next->value, 5);  // still whole
    }
  }
  Ptr<Node> next;
  int* closed_;
  SH_LAYOUT(File, next);
};
TEST_F(ObjectDeath, DestructorsRunOnceAndMayTouchWhatTheyHold) {
  int closed = 0;
  New<File>(&closed)->next = New<Node>(nullptr, nullptr, 5);
  Collect();
  EXPECT_EQ(closed, 0);
  RunFinalizers();
  EXPECT_EQ(closed, 1);
  CollectAndRun();
  EXPECT_EQ(closed, 1);
  EXPECT_EQ(CountAfterCollect(), 0u);
}

struct Eager {
  static constexpr Finalize kFinalize = finalize_at_sweep;
  ~Eager() { ++ended; }
  static inline int ended = 0;
};
TEST_F(ObjectDeath, EagerDestructorsRunAtSweepForEachElement) {
  NewArray<Eager>(3);
  New<Eager>();
  Collect();
  EXPECT_EQ(Eager::ended, 4);
}

struct Fragile {
  explicit Fragile(bool fails) {
    if (fails) throw std::runtime_error("no");
  }
  ~Fragile() { ++ended; }
  static inline int ended = 0;
};
TEST_F(ObjectDeath, AConstructorThatThrowsLeavesNoDestructor) {
  EXPECT_THROW(New<Fragile>(true), std::runtime_error);
  CollectAndRun();
  EXPECT_EQ(Fragile::ended, 0);
  EXPECT_EQ(fake_gc::Count(), 0u);
}

TEST_F(ObjectDeath, DeleteRunsTheDestructorNow) {
  int closed = 0;
  File* const file = New<File>(&closed);
  WeakRoot<File> weak = file;
  Delete(file);
  EXPECT_EQ(closed, 1);
  EXPECT_EQ(weak.get(), nullptr);
  CollectAndRun();
  EXPECT_EQ(closed, 1);
}

TEST_F(ObjectDeath, ExternalBytesGoWithTheObject) {
  Root<Node> root = New<Node>();
  AdjustExternal(root, 1_MiB);
  AdjustExternal(root, -24);
  EXPECT_EQ(fake_gc::External(), 1_MiB - 24);
  root = nullptr;
  Collect();
  EXPECT_EQ(fake_gc::External(), 0);
}

}  // namespace
}  // namespace spanheap
