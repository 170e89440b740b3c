// SPDX-License-Identifier: MIT
//
// Whether this copy of the library has a heap of its own: libspanheap always, libspanheap-embed
// unless another copy was there before (faces/embed/core_choice.h).
#pragma once

namespace spanheap::face {

bool ChooseHeap();

}  // namespace spanheap::face
