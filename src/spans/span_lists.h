// SPDX-License-Identifier: MIT
//
// SpanLists: the spans and runs that wait for whoever needs one next, by class.
//
// Idea.    Apart from the heap they belong to, as they are large and begin as zero: no part of the
//          library's file, and no page of memory before a class is used.
// Threads. As the members say.
#pragma once

#include "layout/malloc_classes.h"
#include "spans/central_list.h"
#include "spans/run_cache.h"
#include "spans/spare_spans.h"

namespace spanheap {

struct SpanLists {
  CentralList central[kSmallClasses + 1];
  RunCache runs;
  SpareSpans spares;
};

}  // namespace spanheap
