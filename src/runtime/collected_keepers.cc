// SPDX-License-Identifier: MIT
//
// Who keeps a collected object, as a line of text: it, what holds it, what holds that, the root.
#include <algorithm>
#include <cstring>

#include "base/annotations.h"
#include "base/line_writer.h"
#include "runtime/collected_heap.h"

namespace spanheap {
namespace {

using collected::Keepers;
using collected::RootWord;

void Name(LineWriter& line, const Keepers::Object& object) {
  line.Pointer(Address(object.start)).Text(" (").Decimal(object.bytes).Text(" bytes)");
}

void NameRoot(LineWriter& line, const RootWord& root) {
  const Address at(root.at);
  switch (root.place) {
    case RootWord::Place::kRoot:
      line.Text("the root at ").Pointer(at);
      break;
    case RootWord::Place::kRange:
      line.Text("the word at ").Pointer(at).Text(" of a range");
      break;
    case RootWord::Place::kStack:
      line.Text("the word at ").Pointer(at).Text(", ").Decimal(root.at - root.stack_pointer);
      line.Text(" bytes up the stack of thread ").Decimal(root.thread_id);
      break;
    case RootWord::Place::kRegisters:
      line.Text("a register of thread ").Decimal(root.thread_id);
      break;
    case RootWord::Place::kLeftStack:
      line.Text("the word at ").Pointer(at).Text(" of a stack on which nobody runs");
      break;
    case RootWord::Place::kWhenDead:
      line.Text("a weak handle, cleanup, finalizer or destructor");
      break;
    case RootWord::Place::kFinalizer:
      line.Text("the finalizer of ").Pointer(Address(root.word));
      break;
  }
}

void Tell(LineWriter& line, const Keepers& keepers) {
  if (keepers.count == 0) {
    line.Text("no object is there");
    return;
  }
  Name(line, keepers.objects[0]);
  if (!keepers.is_kept) {
    line.Text(keepers.is_out_of_memory ? ": no memory to look for who keeps it"
                                       : " is kept by nobody");
    return;
  }
  const char* before = " is kept by ";
  for (unsigned i = 1; i < keepers.count; ++i) {
    line.Text(before);
    Name(line, keepers.objects[i]);
    before = ", by ";
  }
  if (!keepers.is_whole) line.Text(", by others");
  line.Text(keepers.is_whole ? before : ", by ");
  NameRoot(line, keepers.root);
}

// Not inline: of buffers that nobody has written yet, old words would keep objects in the cycle.
SPANHEAP_NOINLINE int WriteAnswer(collected::KeeperSearch& search, char* text, size_t size) {
  Keepers keepers;
  const bool is_answered = search.TakeAnswer(keepers);
  LineWriter line;
  if (is_answered) {
    Tell(line, keepers);
  } else {
    line.Text("no memory for a cycle");
  }
  if (size > 0) {
    const size_t length = std::min(line.size(), size - 1);
    memcpy(text, line.data(), length);
    text[length] = '\0';
  }
  if (keepers.is_kept) return 1;
  return is_answered && !keepers.is_out_of_memory ? 0 : -1;
}

}  // namespace

// One question at a time; the cycle answers it.
int CollectedHeap::WhoKeeps(uintptr_t hidden, char* text, size_t size) {
  while (!collector.keepers.TryAsk(hidden)) Collect();
  Collect();
  return WriteAnswer(collector.keepers, text, size);
}

}  // namespace spanheap
