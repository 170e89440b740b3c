// SPDX-License-Identifier: MIT
//
// Writing to a stdio stream that the caller brought, from a library that is not linked to stdio.
//
// Idea.  malloc_info is given a FILE, so stdio is in the process. In the shared library, fwrite is
//        looked up when it is needed (stream_shared.cc); in the static one, it is linked
//        (stream_static.cc).
#pragma once

#include <cstddef>

namespace spanheap::face {

// A TextSink's writer; `stream` is a FILE*.
bool WriteToStream(void* stream, const char* data, size_t size);

}  // namespace spanheap::face
