// SPDX-License-Identifier: MIT
//
// The sh_ names of libspanheap-embed: each is a jump through the chosen core's table.
//
// Idea.  The names of this copy's own core are renamed and made local when the library is put
//        together (CMakeLists.txt), so these are the only ones, and the table leads to the others.
// Tests. tests/faces/embed, tests/faces/malloc/symbols_test.py.
#include "faces/embed/core_choice.h"
#include "faces/malloc/export.h"

#define SPANHEAP_JUMP(result, name, parameters, arguments) \
  SPANHEAP_EXPORT result name parameters noexcept {        \
    return spanheap::face::TheCore().name arguments;       \
  }
SPANHEAP_CORE_NAMES(SPANHEAP_JUMP)
#undef SPANHEAP_JUMP

// What code inlined into programs reads. Written by the chosen core. The other half, in static
// TLS, of which there is little, is not renamed: the copy and its core have one sh_inline_words_v1.
constinit sh_inline_data_v1 sh_inline_v1{};

namespace spanheap::face {

constinit InlineMirror outward_inline{
    &sh_inline_v1, [](char* words) noexcept { sh_inline_words_v1 = words; }, nullptr};

}  // namespace spanheap::face
