// SPDX-License-Identifier: MIT
//
// binary-trees: perfect trees of every other depth up to `depth`, built and dropped, while one tree
// of that depth lives through all of it. 2^(depth - d + 4) trees of each depth d, so that every
// depth costs the same.
//
// threads-trees: eight threads do that by themselves, each with a lasting tree of `depth` and
// `count` trees four levels lower.
#include "bench/gc/trees.h"
#include "bench/harness/threads.h"

namespace spanheap::bench {
Outcome BinaryTrees(std::uint64_t depth, std::uint64_t) {
  constexpr std::uint64_t kLeastDepth = 4;
  Trees trees;
  std::uint64_t sum = trees.MakeAndFinish(depth + 1);
  TreeNode* const lasting = trees.Make(depth);
  for (std::uint64_t each = kLeastDepth; each <= depth; each += 2) {
    const std::uint64_t count = std::uint64_t{1} << (depth - each + kLeastDepth);
    for (std::uint64_t i = 0; i < count; ++i) sum += trees.MakeAndFinish(each);
  }
  sum += trees.Finish(lasting);
  return trees.Total(sum);
}

Outcome ThreadsTrees(std::uint64_t depth, std::uint64_t count) {
  constexpr int kThreads = 8;
  Outcome outcomes[kThreads];
  TimeThreads(kThreads, [&](int index) {
    const heap::ThreadScope scope;
    Trees trees;
    TreeNode* const lasting = trees.Make(depth);
    std::uint64_t sum = 0;
    for (std::uint64_t i = 0; i < count; ++i) sum += trees.MakeAndFinish(depth - 4);
    outcomes[index] = trees.Total(sum + trees.Finish(lasting));
  });
  return Sum(outcomes);
}

}  // namespace spanheap::bench
