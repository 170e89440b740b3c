// SPDX-License-Identifier: MIT
//
// Probes: places in the library that bpftrace, perf and SystemTap can hang on to (USDT), provider
// "spanheap". docs/looking-in.md lists them.
//
// Idea.  The header that writes their notes is used where it is installed when the library is built
//        (systemtap-sdt-dev); without it there are none.
// Cost.  A no-operation instruction, and the arguments at hand.
// Tests. tests/tools/probes_test.py.
#pragma once

#if __has_include(<sys/sdt.h>)
#include <sys/sdt.h>
#define SPANHEAP_PROBE(name, first, second) DTRACE_PROBE2(spanheap, name, first, second)
#else
#define SPANHEAP_PROBE(name, first, second) (static_cast<void>(first), static_cast<void>(second))
#endif
