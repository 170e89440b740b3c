// SPDX-License-Identifier: MIT
#include "faces/embed/core_table.h"

namespace spanheap::face {

extern "C" {

#define SPANHEAP_ENTRY(result, name, parameters, arguments) ::name,
constinit CoreTable spanheap_own_core = {kCoreNumber, Atomic<uint32_t>{0}, MirrorInline,
                                         SPANHEAP_CORE_NAMES(SPANHEAP_ENTRY)};
#undef SPANHEAP_ENTRY

// Under this name other copies find it. Another copy's variable may take the name over, never ours.
extern CoreTable sh_core_v1 __attribute__((visibility("default"), alias("spanheap_own_core")));

}  // extern "C"

}  // namespace spanheap::face
