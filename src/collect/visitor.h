// SPDX-License-Identifier: MIT
//
// What a layout's trace() is given: the marker or the verifier that wants to know.
#pragma once

namespace spanheap::collected {
class Marker;
class MarkVerifier;
}  // namespace spanheap::collected

struct sh_visitor {
  spanheap::collected::Marker* marker;          // null: the verifier asks
  spanheap::collected::MarkVerifier* verifier;  // null: the marker asks
};
