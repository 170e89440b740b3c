// SPDX-License-Identifier: MIT
//
// The first program: one of everything, and nothing else is needed.
#include <spanheap/gc.h>
#include <unistd.h>

using namespace spanheap;

struct Node {  // a plain struct: its layout is derived at compile time
  Ptr<Node> left, right;
  int value;
};

Root<Node> global;  // outside the stack: exact handle, copyable, any thread

int main() {
  Ptr<Node> root = New<Node>(nullptr, nullptr, 42);  // locals: Node* or Ptr<Node>, on the stack
  root->left = New<Node>(nullptr, nullptr, 1);
  global = root;

  Weak<Node> w = root;
  if (Node* n = w.get()) n->value = 43;  // null once the object died

  int fd = dup(1);
  Cleanup closing = AddCleanup(root, [](int fd) { close(fd); }, fd);  // after death, without it

  auto a = NewArray<Ptr<Node>>(10);  // scanned
  auto raw = NewArray<char>(10);     // never scanned
  a[3] = global;
  raw[3] = 'x';

  SetGcPercent(100);
  SetMemoryLimit(512_MiB);
  Collect();
  GcStats s = ReadGcStats();

  bool all_there = w.get() == root && a[3]->left->value == 1 && global->value == 43;
  return all_there && s.cycles > 0 && closing.Stop() ? 0 : 1;
}
