// SPDX-License-Identifier: MIT
//
// Stands in for the header of the same name when code is explored: a failed check ends the
// exploration with its text.
#pragma once

#include "base/platform.h"
#include "interleaving.h"

#define SPANHEAP_CHECK(condition) ::spanheap::model::Require((condition), #condition)
#define SPANHEAP_DCHECK(condition) SPANHEAP_CHECK(condition)
