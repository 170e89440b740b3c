// SPDX-License-Identifier: MIT
//
// The sh_ names of include/spanheap/spanheap.h, in both libraries.
#include <errno.h>

#include <cstring>

#include "faces/malloc/entry.h"
#include "faces/malloc/export.h"
#include "faces/malloc/fresh_report.h"
#include "observe/report_json.h"
#include "observe/report_text.h"
#include "spanheap/spanheap.h"

namespace face = spanheap::face;
namespace heap = spanheap::heap;
using spanheap::TextSink;
using spanheap::face::FreshReport;

namespace {

// A TextSink's target: as much of the text as fits, and how long it is.
struct Buffer {
  char* data;
  size_t capacity;
  size_t length = 0;

  static bool Append(void* self, const char* data, size_t size) {
    auto& to = *static_cast<Buffer*>(self);
    if (to.length < to.capacity) {
      const size_t room = to.capacity - to.length;
      memcpy(to.data + to.length, data, size < room ? size : room);
    }
    to.length += size;
    return true;
  }
  void Close() {
    if (capacity > 0) data[length < capacity ? length : capacity - 1] = '\0';
  }
};

int ZeroOrError(bool done, int error) {
  if (done) return 0;
  errno = error;
  return -1;
}

}  // namespace

// Allocation -------------------------------------------------------------------------------------

SPANHEAP_EXPORT void* sh_malloc(size_t n) noexcept { return face::Allocate(n); }

SPANHEAP_EXPORT void* sh_calloc(size_t count, size_t size) noexcept {
  return face::AllocateZeroed(count, size);
}

SPANHEAP_EXPORT void* sh_realloc(void* p, size_t n) noexcept {
  return face::Reallocate(p, n, "sh_realloc");
}

SPANHEAP_EXPORT void* sh_reallocarray(void* p, size_t count, size_t size) noexcept {
  return face::ReallocateArray(p, count, size, "sh_reallocarray");
}

SPANHEAP_EXPORT void* sh_aligned_alloc(size_t alignment, size_t n) noexcept {
  return face::AllocateAligned(alignment, n);
}

SPANHEAP_EXPORT void sh_free(void* p) noexcept { face::Free(p, "sh_free"); }

SPANHEAP_EXPORT void sh_free_sized(void* p, size_t n) noexcept {
  face::FreeSized(p, n, 0, "sh_free_sized");
}

SPANHEAP_EXPORT void sh_free_aligned_sized(void* p, size_t alignment, size_t n) noexcept {
  face::FreeSized(p, n, alignment, "sh_free_aligned_sized");
}

SPANHEAP_EXPORT size_t sh_usable_size(const void* p) noexcept {
  return heap::UsableSize(p, "sh_usable_size");
}

SPANHEAP_EXPORT size_t sh_good_size(size_t n) noexcept { return heap::GoodSize(n); }

SPANHEAP_EXPORT int sh_owns(const void* p) noexcept { return heap::Owns(p) ? 1 : 0; }

// Control ----------------------------------------------------------------------------------------

SPANHEAP_EXPORT const char* sh_version() noexcept { return SPANHEAP_VERSION_TEXT; }

SPANHEAP_EXPORT int sh_release_memory() noexcept { return heap::Trim(0) ? 1 : 0; }

SPANHEAP_EXPORT uint64_t sh_verify() noexcept { return heap::Verify(); }

SPANHEAP_EXPORT int sh_set(const char* name, const char* value) noexcept {
  const bool is_set = heap::SetOption(name, value);
  heap::AfterAllocation(__builtin_return_address(0));  // a limit may want the heap's thread
  return ZeroOrError(is_set, EINVAL);
}

SPANHEAP_EXPORT int sh_set_limit_callback(sh_limit_callback callback, void* context) noexcept {
  return ZeroOrError(heap::SetLimitCallback(callback, context), ENOMEM);
}

SPANHEAP_EXPORT int sh_get(const char* name, char* value, size_t capacity) noexcept {
  return ZeroOrError(heap::GetOption(name, value, capacity), ENOENT);
}

// Statistics -------------------------------------------------------------------------------------

SPANHEAP_EXPORT size_t sh_stats_json(char* buffer, size_t capacity) noexcept {
  const FreshReport report;
  Buffer target{buffer, capacity};
  {
    TextSink sink(Buffer::Append, &target);
    WriteReportJson(*report, sink);
  }
  target.Close();
  return target.length;
}

SPANHEAP_EXPORT int sh_stats_print(int descriptor) noexcept {
  const FreshReport report;
  TextSink sink(descriptor);
  WriteReportText(*report, "spanheap", sink);
  return ZeroOrError(sink.Finish(), EIO);
}
