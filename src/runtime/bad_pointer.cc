// SPDX-License-Identifier: MIT
#include "runtime/bad_pointer.h"

#include "runtime/block_lookup.h"
#include "runtime/collected_heap.h"
#include "runtime/heap_section.h"
#include "runtime/runtime.h"

namespace spanheap {
namespace {

bool IsKnown(const BlockFacts& facts) { return facts.class_size.value != 0; }

BlockFacts CollectedFacts(Address p) {
  const CollectedHeap* const heap = CollectedHeap::GetIfStarted();
  return heap == nullptr ? BlockFacts{} : heap->FactsOf(p);
}

}  // namespace

BlockFacts FactsOf(const void* p) {
  const BlockFacts in_pages = runtime.spans.FactsOf(AddressOf(p));
  return IsKnown(in_pages) ? in_pages : runtime.large.FactsOf(AddressOf(p));
}

void FailNoBlock(const void* block, const char* call) {
  const Address p = AddressOf(block);
  const bool is_in_pages = runtime.pages.Contains(p);
  BlockFacts facts = is_in_pages ? CollectedFacts(p) : BlockFacts{};
  if (IsKnown(facts)) FatalCollectedObject(call, p, facts);
  facts = FactsOf(block);
  if (IsKnown(facts)) FatalMisalignedFree(call, p, facts);
  if (is_in_pages && runtime.spans.FindFormer(p, facts)) FatalDoubleFree(call, p, facts);
  if (!is_in_pages && runtime.large.FindFormer(p, facts)) FatalDoubleFree(call, p, facts);
  FatalNoBlock(call, p, facts);
}

void FailForeign(const void* block, const char* call) {
  const Address p = AddressOf(block);
  BlockFacts facts{};
  if (runtime.large.FindFormer(p, facts)) FatalDoubleFree(call, p, facts);
  FatalForeignPointer(call, p);
}

void FailIfMallocs(const void* p, const char* call) {
  const HeapSection section;
  if (!section.is_open()) return;
  const BlockInfo info = LookUp(p);
  if (info.usable != 0) FatalMallocBlock(call, AddressOf(p), FactsOf(p));
}

}  // namespace spanheap
