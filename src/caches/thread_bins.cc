// SPDX-License-Identifier: MIT
#include "caches/thread_bins.h"

#include <utility>

#include "base/platform.h"

namespace spanheap {
namespace {

// The bottom of every empty bin.
SPANHEAP_TOUCHED_AT_START constinit void* no_block = nullptr;

template <size_t... kClasses>
consteval ThreadBins MakeEmptyBins(std::index_sequence<kClasses...>) {
  return {{(static_cast<void>(kClasses), Atomic<void**>(&no_block))...},
          {(static_cast<void>(kClasses), &no_block)...},
          0};
}

}  // namespace

const constinit ThreadBins kEmptyBins =
    MakeEmptyBins(std::make_index_sequence<kMallocClassCount>());

// The fast paths only read empty bins, so pointing at a constant is sound.
constinit thread_local ThreadAnchor this_thread{
    Atomic<ThreadBins*>(const_cast<ThreadBins*>(&kEmptyBins)), nullptr, false, false, 0, 0, 0, 0};

}  // namespace spanheap
