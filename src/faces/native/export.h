// SPDX-License-Identifier: MIT
//
// What the native face's functions carry: C names, seen from outside of the library.
#pragma once

#define SPANHEAP_EXPORT extern "C" __attribute__((visibility("default")))
