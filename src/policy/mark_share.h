// SPDX-License-Identifier: MIT
//
// Which of a number of mark workers go on, so that marking has its quarter of the processors and
// what nobody else of the process uses.
//
// Idea.       Workers are ranked. The first ones are dedicated; the next one has the fraction that
//             is missing to a quarter; those behind go on as long as there is a processor for each
//             that the rest of the process leaves alone. All of it is measured in processor time
//             of the last while, for nobody can tell which processor is idle.
// Go.         mgcpacer.go findRunnableGCWorker: dedicated, fractional and idle workers.
// Tests.      tests/policy/mark_share_test.cc.
#pragma once

#include <cstdint>

namespace spanheap::policy {

// In some stretch of a mark phase.
struct MarkUse {
  unsigned processors = 1;
  uint64_t elapsed_ns = 0;
  uint64_t marking_ns = 0;  // processor time of all mark workers
  uint64_t process_ns = 0;  // of the whole process, mark workers included
  bool limiting = false;    // CpuLimiter: nothing above the quarter
};

// The worker of rank `rank` (from 0 on) may take another slice.
bool MayMark(const MarkUse& use, unsigned rank);

// Of the time of mark workers that above the quarter: it was taken from nobody.
uint64_t IdleMarking_ns(const MarkUse& use);

}  // namespace spanheap::policy
