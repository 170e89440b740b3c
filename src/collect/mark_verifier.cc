// SPDX-License-Identifier: MIT
#include "collect/mark_verifier.h"

#include "base/fatal.h"
#include "base/line_writer.h"
#include "collect/specials.h"

namespace spanheap::collected {

uint64_t MarkVerifier::Run(World& world) {
  const auto met = [](void* self, ObjectRef object, uintptr_t from) {
    auto& verifier = *static_cast<MarkVerifier*>(self);
    if (!verifier.IsMarked(object)) verifier.Report(object, from);
  };
  missed_ = 0;
  const uint64_t missed = walk_.Begin(met, this) ? Compare(world) : kNotCompared;
  if (missed == kNotCompared) WarnLine("no memory to verify marks");
  walk_.End();
  return missed;
}

uint64_t MarkVerifier::Compare(World& world) {
  const auto visit = [](void* self, const RootWord& root) {
    auto& verifier = *static_cast<MarkVerifier*>(self);
    if (root.is_of_stack()) {
      verifier.ReachFromStack(root.word);
    } else {
      verifier.walk_.Reach(root.word);
    }
  };
  world.VisitRoots(visit, this);
  specials_->ForEachRoot(
      [&](uintptr_t word) { walk_.Reach(word); },
      [&](uintptr_t object) { walk_.ReachContents(ObjectFinder(*store_).Find(object)); });
  walk_.Drain();
  return missed_ == 0 && walk_.is_out_of_memory() ? kNotCompared : missed_;
}

bool MarkVerifier::IsMarked(ObjectRef object) const {
  const uint64_t marks = store_->tables().marks(object.page)[object.slot / 64].LoadAcquire();
  return (marks & object.bit()) != 0;
}

// A frame entered since its thread was scanned may show an old word: no loss can be told.
void MarkVerifier::ReachFromStack(uintptr_t word) {
  const ObjectRef object = ObjectFinder(*store_).Find(word);
  if (object && IsMarked(object)) walk_.Reach(word);
}

void MarkVerifier::Report(ObjectRef object, uintptr_t from) {
  constexpr uint64_t kMostLines = 10;
  if (++missed_ > kMostLines) return;
  const ObjectFinder finder(*store_);
  LineWriter line;
  line.Text("lost object ").Pointer(finder.BaseOf(object)).Text(" of ");
  line.Decimal(finder.SizeOf(object)).Text(" bytes, reached from ");
  if (from == 0) {
    line.Text("a root");
  } else {
    line.Pointer(Address(from));
  }
  line.Char('\0');
  WarnLine(line.data());
}

}  // namespace spanheap::collected
