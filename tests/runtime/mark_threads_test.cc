// SPDX-License-Identifier: MIT
//
// Threads that mark beside the collector's own: when there are any, what they are like, and that a
// child has its own.
#include "runtime/mark_threads.h"

#include <dirent.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "os/limits.h"
#include "runtime/collected_heap.h"
#include "runtime/heap.h"
#include "spanheap/detail/barrier.h"

namespace spanheap {
namespace {

struct Node {
  void* left;
  void* right;
};

constexpr uint64_t kBothWords = 3;
sh_layout node_layout = {
    sizeof(Node), SH_SCAN_PRECISE, 0, &kBothWords, nullptr, nullptr, "Node", 0, 0};

Node* Tree(int depth) {
  auto* node = static_cast<Node*>(CollectedHeap::Get()->New(node_layout, 1));
  if (depth == 0) return node;
  detail::StorePointer(&node->left, Tree(depth - 1));
  detail::StorePointer(&node->right, Tree(depth - 1));
  return node;
}

int CountNodes(const Node* node) {
  return node == nullptr ? 0
                         : 1 + CountNodes(static_cast<Node*>(node->left)) +
                               CountNodes(static_cast<Node*>(node->right));
}

std::string ReadLine(const std::string& path) {
  char line[256] = "";
  if (FILE* file = std::fopen(path.c_str(), "r")) {
    if (std::fgets(line, sizeof line, file) == nullptr) line[0] = '\0';
    std::fclose(file);
  }
  return line;
}

// The line of /proc's status that begins with `name`, of each thread that is called `comm`.
std::vector<std::string> StatusOf(const std::string& comm, const std::string& name) {
  std::vector<std::string> found;
  DIR* tasks = opendir("/proc/self/task");
  while (const dirent* entry = readdir(tasks)) {
    const std::string task = std::string("/proc/self/task/") + entry->d_name;
    if (ReadLine(task + "/comm") != comm + "\n") continue;
    FILE* status = std::fopen((task + "/status").c_str(), "r");
    char line[256];
    while (std::fgets(line, sizeof line, status) != nullptr) {
      if (std::string(line).starts_with(name)) found.emplace_back(line + name.size());
    }
    std::fclose(status);
  }
  closedir(tasks);
  return found;
}

constexpr int kDepth = 17;  // some four MiB of nodes

class MarkThreadsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (os::ProcessorCount() < 2) GTEST_SKIP() << "one processor";
  }
};

TEST_F(MarkThreadsTest, ThereIsOneForEachFurtherProcessorOnceThereIsSomethingToMark) {
  Node* const tree = Tree(kDepth);
  for (int i = 0; i < 10 && CollectedHeap::Get()->mark_threads() == 0; ++i) {
    CollectedHeap::Get()->Collect();
  }
  EXPECT_EQ(CollectedHeap::Get()->mark_threads(),
            std::min(os::ProcessorCount() - 1, MarkThreads::kMost));
  EXPECT_EQ(CountNodes(tree), (2 << kDepth) - 1);
}

TEST_F(MarkThreadsTest, TheyHaveANameAndAreDeafToSignals) {
  const Node* const tree = Tree(kDepth);
  CollectedHeap::Get()->Collect();
  const std::vector<std::string> blocked = StatusOf("spanheap-mark", "SigBlk:\t");
  EXPECT_EQ(blocked.size(), CollectedHeap::Get()->mark_threads());
  for (const std::string& mask : blocked) {
    // All but KILL and STOP, and two that libc keeps for itself.
    const uint64_t signals = std::strtoull(mask.c_str(), nullptr, 16);
    EXPECT_EQ(signals | 0x1'8004'0100ULL, ~uint64_t{0}) << mask;
  }
  EXPECT_EQ(CountNodes(tree), (2 << kDepth) - 1);
}

// Sanitizers cannot start threads in a child of a process with several.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr bool kChildCanStartThreads = false;
#else
constexpr bool kChildCanStartThreads = true;
#endif

TEST_F(MarkThreadsTest, AChildHasNoneAndStartsItsOwn) {
  if (!kChildCanStartThreads) GTEST_SKIP();
  Node* const tree = Tree(kDepth);
  CollectedHeap::Get()->Collect();
  heap::BeforeFork();
  const pid_t child = fork();
  if (child == 0) {
    heap::AfterForkInChild();
    alarm(60);
    CollectedHeap& heap = *CollectedHeap::Get();
    if (heap.mark_threads() != 0) _exit(1);
    for (int i = 0; i < 3; ++i) heap.Collect();
    if (heap.mark_threads() == 0) _exit(2);
    _exit(CountNodes(tree) == (2 << kDepth) - 1 && heap.Verify() == 0 ? 0 : 3);
  }
  heap::AfterForkInParent();
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(CountNodes(tree), (2 << kDepth) - 1);
}

}  // namespace
}  // namespace spanheap
