// SPDX-License-Identifier: MIT
//
// What the options ask for when the process ends: the report as text or JSON, a check of the heap.
//
// Threads. Others may still run: the report is of the moment, and the check is left out.
// Fails.   A file that cannot be written: one line on stderr. A process that ends by _exit, exec or
//          a signal reports nothing.
// Tests.   tests/faces/malloc/processes_test.py.
#pragma once

namespace spanheap {

// To be called once, as late as the process lets us.
void ReportAtExit();

}  // namespace spanheap
