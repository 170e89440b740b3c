// SPDX-License-Identifier: MIT
//
// A Look for programs: share/spanheap-look.schema.json describes it.
//
// Idea. Keys ending in _bytes count bytes. `version` goes up when a key changes its meaning or goes
//       away; keys may be added. Categories have the keys of the library's own report.
#pragma once

#include <nlohmann/json.hpp>

#include "spanheap/look/target.h"

namespace spanheap::look {

using Json = nlohmann::ordered_json;

Json LookToJson(const Look& look);
// The categories, what is mapped and resident: what a record of a run holds of each moment.
Json MomentToJson(const Look& look);

}  // namespace spanheap::look
