// SPDX-License-Identifier: MIT
//
// FreshReport: the heap's report of this moment, for calls whose callers may have 16 KiB of stack.
//
// Fails. All zero where there is no memory for it.
#pragma once

#include "observe/heap_report.h"
#include "os/on_pages.h"
#include "runtime/heap.h"

namespace spanheap::face {

class FreshReport {
 public:
  FreshReport() {
    if (report_.is_there()) heap::ReadReport(*report_);
  }
  const HeapReport& operator*() const { return report_.is_there() ? *report_ : kNothing; }
  const HeapReport* operator->() const { return &**this; }

 private:
  static constinit const HeapReport kNothing;

  os::OnPages<HeapReport> report_;
};

inline constinit const HeapReport FreshReport::kNothing{};

}  // namespace spanheap::face
