// SPDX-License-Identifier: MIT
#include "runtime/block_lookup.h"

namespace spanheap {
namespace {

BlockInfo LookUpInPages(Address p) {
  const PageIndex page = runtime.pages.IndexOf(p);
  const unsigned c = runtime.pages.tables().class_of[page.value].LoadAcquire();
  if (c != 0) return {BlockKind::kClassed, c, BlockBytes(c), nullptr};
  Span* span = runtime.spans.SpanOf(p);
  if (span != nullptr && span->state.LoadAcquire() == SpanState::kSolo &&
      p == runtime.pages.AddressOf(span->first)) {
    return {BlockKind::kSolo, 0, span->block_bytes, span};
  }
  return {BlockKind::kNoBlock, 0, 0, nullptr};
}

}  // namespace

BlockInfo LookUp(const void* block) {
  const Address p = AddressOf(block);
  if (runtime.pages.Contains(p)) return LookUpInPages(p);
  if (runtime.bootstrap.Contains(block)) {
    return {BlockKind::kBootstrap, 0, Bootstrap::SizeOf(block), nullptr};
  }
  const Bytes large = runtime.large.SizeAt(p);
  if (large.value != 0) return {BlockKind::kLarge, 0, large.value, nullptr};
  const bool inside = runtime.large.Contains(p);
  return {inside ? BlockKind::kNoBlock : BlockKind::kForeign, 0, 0, nullptr};
}

}  // namespace spanheap
