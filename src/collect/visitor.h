// SPDX-License-Identifier: MIT
//
// What a layout's trace() is given: the marker or the plain walk that wants to know.
#pragma once

namespace spanheap::collected {
class Marker;
class PlainWalk;
}  // namespace spanheap::collected

struct sh_visitor {
  spanheap::collected::Marker* marker;   // null: a plain walk asks
  spanheap::collected::PlainWalk* walk;  // null: the marker asks
};
