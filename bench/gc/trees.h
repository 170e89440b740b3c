// SPDX-License-Identifier: MIT
//
// Perfect binary trees of nodes that hold their two children and nothing else; who makes them
// watches its gaps. One for each thread.
#pragma once

#include "bench/gc/program.h"

namespace spanheap::bench {

struct TreeNode {
  heap::Pointer<TreeNode> left, right;
};

class Trees {
 public:
  // Not inlined into itself: a frame of several levels has slots that are written late, and in
  // them lie branches of the tree before.
  [[gnu::noinline]] TreeNode* Make(std::uint64_t depth) {
    gaps_.Tick();
    ++made_;
    if (depth == 0) return heap::New<TreeNode>(nullptr, nullptr);
    TreeNode* const left = Make(depth - 1);
    TreeNode* const right = Make(depth - 1);
    return heap::New<TreeNode>(left, right);
  }
  std::uint64_t Count(const TreeNode* node) const {
    return node->left == nullptr ? 1 : 1 + Count(node->left) + Count(node->right);
  }
  // One tree's whole life. Never inlined: its frame goes with the tree. A caller's register that
  // the compiler has not used again would keep the tree alive where stacks are taken at their word
  // (ours, libgc), into the life of the next one; Go's compiler tells what is dead.
  [[gnu::noinline]] std::uint64_t MakeAndFinish(std::uint64_t depth) { return Finish(Make(depth)); }
  // Counts its nodes and lets go of it.
  std::uint64_t Finish(TreeNode* tree) {
    const std::uint64_t nodes = Count(tree);
    if constexpr (!heap::kCollects) FreeTree(tree);
    return nodes;
  }
  Outcome Total(std::uint64_t checksum) const {
    Outcome outcome{checksum, made_};
    gaps_.AddTo(outcome.gaps);
    return outcome;
  }

 private:
  void FreeTree(TreeNode* node) {
    if (node->left != nullptr) {
      FreeTree(node->left);
      FreeTree(node->right);
    }
    heap::Free(node);
  }

  GapWatch gaps_;
  std::uint64_t made_ = 0;
};

}  // namespace spanheap::bench
