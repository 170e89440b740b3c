// SPDX-License-Identifier: MIT
//
// gcbench: the shape of GCBench (Ellis, Kovac, Boehm): beside a lasting tree of `depth` and an
// array of 4 Mi numbers, trees of depth 4, 6 .. `depth`, each both from the top (children stored
// into a node that is there) and from the bottom. Nodes have two numbers as well.
#include "bench/gc/program.h"

namespace spanheap::bench {
namespace {

struct Node {
  heap::Pointer<Node> left, right;
  std::uint64_t i, j;
};

class Builder {
 public:
  // Neither this nor Populate is inlined into itself, as in trees.h.
  [[gnu::noinline]] Node* FromBottom(std::uint64_t depth) {
    gaps_.Tick();
    ++made_;
    if (depth == 0) return heap::New<Node>(nullptr, nullptr, depth, made_);
    Node* const left = FromBottom(depth - 1);
    Node* const right = FromBottom(depth - 1);
    return heap::New<Node>(left, right, depth, made_);
  }
  Node* FromTop(std::uint64_t depth) {
    Node* const top = heap::New<Node>(nullptr, nullptr, depth, made_);
    Populate(top, depth);
    return top;
  }
  // One tree's whole life each; not inlined, as in trees.h.
  [[gnu::noinline]] std::uint64_t TopAndFinish(std::uint64_t depth) {
    return Finish(FromTop(depth));
  }
  [[gnu::noinline]] std::uint64_t BottomAndFinish(std::uint64_t depth) {
    return Finish(FromBottom(depth));
  }
  std::uint64_t Finish(Node* node) {
    std::uint64_t sum = node->i + 1;
    if (node->left != nullptr) sum += Finish(node->left) + Finish(node->right);
    heap::Free(node);
    return sum;
  }
  Outcome Total(std::uint64_t checksum) const {
    Outcome outcome{checksum, made_};
    gaps_.AddTo(outcome.gaps);
    return outcome;
  }

 private:
  [[gnu::noinline]] void Populate(Node* node, std::uint64_t depth) {
    gaps_.Tick();
    ++made_;
    if (depth == 0) return;
    node->left = heap::New<Node>(nullptr, nullptr, depth - 1, made_);
    node->right = heap::New<Node>(nullptr, nullptr, depth - 1, made_);
    Populate(node->left, depth - 1);
    Populate(node->right, depth - 1);
  }

  GapWatch gaps_;
  std::uint64_t made_ = 0;
};

}  // namespace

Outcome GcBench(std::uint64_t depth, std::uint64_t) {
  constexpr std::uint64_t kNumbers = 4 << 20;
  Builder builder;
  Node* const lasting = builder.FromTop(depth);
  char* const numbers = heap::NewBytes(kNumbers * sizeof(double));
  auto* const values = reinterpret_cast<double*>(numbers);
  for (std::uint64_t i = 0; i < kNumbers; ++i) values[i] = static_cast<double>(i);
  std::uint64_t sum = 0;
  for (std::uint64_t each = 4; each <= depth; each += 2) {
    const std::uint64_t count = std::uint64_t{2} << (depth - each);
    for (std::uint64_t i = 0; i < count; ++i) {
      sum += builder.TopAndFinish(each);
      sum += builder.BottomAndFinish(each);
    }
  }
  sum += builder.Finish(lasting) + static_cast<std::uint64_t>(values[kNumbers - 1]);
  heap::Free(numbers);
  return builder.Total(sum);
}

}  // namespace spanheap::bench
