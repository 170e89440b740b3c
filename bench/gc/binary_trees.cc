// SPDX-License-Identifier: MIT
//
// binary-trees: perfect trees of every other depth up to `depth`, built and dropped, while one tree
// of that depth lives through all of it. 2^(depth - d + 4) trees of each depth d, so that every
// depth costs the same. A node holds its two children and nothing else.
#include "bench/gc/program.h"

namespace spanheap::bench {
namespace {

struct Node {
  heap::Pointer<Node> left, right;
};

class Trees {
 public:
  Node* Make(std::uint64_t depth) {
    gaps_.Tick();
    ++made_;
    if (depth == 0) return heap::New<Node>(nullptr, nullptr);
    Node* const left = Make(depth - 1);
    Node* const right = Make(depth - 1);
    return heap::New<Node>(left, right);
  }
  std::uint64_t Count(const Node* node) const {
    return node->left == nullptr ? 1 : 1 + Count(node->left) + Count(node->right);
  }
  // Counts its nodes and lets go of it.
  std::uint64_t Finish(Node* tree) {
    const std::uint64_t nodes = Count(tree);
    if constexpr (!heap::kCollects) FreeTree(tree);
    return nodes;
  }
  Outcome Total(std::uint64_t checksum) const {
    Outcome outcome{checksum, made_};
    gaps_.AddTo(outcome);
    return outcome;
  }

 private:
  void FreeTree(Node* node) {
    if (node->left != nullptr) {
      FreeTree(node->left);
      FreeTree(node->right);
    }
    heap::Free(node);
  }

  GapWatch gaps_;
  std::uint64_t made_ = 0;
};

}  // namespace

Outcome BinaryTrees(std::uint64_t depth, std::uint64_t) {
  constexpr std::uint64_t kLeastDepth = 4;
  Trees trees;
  std::uint64_t sum = trees.Finish(trees.Make(depth + 1));
  Node* const lasting = trees.Make(depth);
  for (std::uint64_t each = kLeastDepth; each <= depth; each += 2) {
    const std::uint64_t count = std::uint64_t{1} << (depth - each + kLeastDepth);
    for (std::uint64_t i = 0; i < count; ++i) sum += trees.Finish(trees.Make(each));
  }
  sum += trees.Finish(lasting);
  return trees.Total(sum);
}

}  // namespace spanheap::bench
