// SPDX-License-Identifier: MIT
//
// PageData: what the page of `spanheap view` draws, as text that can stand in it: a JSON object and
// the heap map as compressed binary.
//
// Idea.  The map is a list of items in page order: a span, a run, or a stretch of free pages of one
//        kind. It is laid out as arrays, one behind the other, compressed with zlib and written in
//        base64; tools/view/data.js reads it. The page of a 3 GiB heap of small blocks has 2.8 MB.
// Tests. tests/tools/view_test.py.
#pragma once

#include <string>

#include "spanheap/look/target.h"

namespace spanheap::tools {

struct PageData {
  std::string json;  // safe within <script>
  std::string map;   // base64; empty: no map
};

// Of a look; and of the record of a run, given as its text.
PageData DataOfLook(const look::Look& seen);
PageData DataOfRecord(const std::string& record);

}  // namespace spanheap::tools
