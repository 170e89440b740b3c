// SPDX-License-Identifier: MIT
//
// PageChunk: what is known of each page of 4 MiB: used, given back to the OS, reads as zero.
//
// Invariants. used & scavenged == 0 and used & zeroed == 0, except while pages are being given
//             back. A page that no cache holds and nobody uses is free: its used bit is clear.
// Go.         pallocData; Go keeps no zero bits but a watermark per arena.
#pragma once

#include "pages/page_bitmap.h"

namespace spanheap {

struct PageChunk {
  PageBitmap used;
  PageBitmap scavenged;  // free and not backed by memory
  PageBitmap zeroed;     // free and known to read as zero
};

}  // namespace spanheap
