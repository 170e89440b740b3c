// SPDX-License-Identifier: MIT
//
// Sampling: which allocations the profile looks at. A countdown of bytes in each thread, its start
// value drawn from an exponential distribution, so that each byte is as likely as any other.
//
// Go.    mprof.go, malloc.go nextSample: the same distribution.
// Tests. tests/runtime/sampling_test.cc.
#pragma once

#include <cstdint>

#include "caches/thread_block.h"

namespace spanheap {

// Bytes until the next sample when one in `mean` bytes is to be taken; `random` is advanced.
int64_t NextSampleInterval(uint64_t& random, uint64_t mean);

// Sets the block's countdown anew; "never" if no sampling is wanted.
void StartSampling(ThreadBlock& block);

}  // namespace spanheap
