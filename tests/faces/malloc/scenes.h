// SPDX-License-Identifier: MIT
//
// Work that several rows and scenes share.
#pragma once

namespace conformance {

// Allocates, fills, checks, resizes and frees `rounds` blocks of mixed sizes up to 100 KiB.
// False if content was damaged or memory short.
bool Churn(int rounds);

}  // namespace conformance
