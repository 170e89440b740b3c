// SPDX-License-Identifier: MIT
//
// mallctl: jemalloc's tree of named values, as far as its names mean something here.
//
// Idea.       This file finds names and numbers of names (MIBs); mallctl_values.cc holds the table.
//             A MIB is as long as the name has parts. Part 0 is the table's row; a part that is a
//             number in the name is that number, so that programs may put another in its place;
//             the others are 0.
// Invariants. Figures are of one moment: when the first was read, or "epoch" was last written.
// Fails.      ENOENT: no such name or number. Else as mallctl_call.h says.
// Tests.      tests/faces/malloc/rows_control.cc.
#include <errno.h>

#include <cstring>

#include "faces/malloc/export.h"
#include "faces/malloc/mallctl_call.h"

namespace {

using spanheap::face::ControlCall;
using spanheap::face::ControlRow;
using spanheap::face::ControlRows;
using spanheap::face::kAllArenas;
using spanheap::face::kArenaCount;

// "stats.arenas.#.bins.@.curregs"
constexpr size_t kMaxParts = 6;

// A name taken apart: which row, and the numbers in it by their part.
struct Found {
  const ControlRow* row = nullptr;
  size_t number = 0;  // of the row
  size_t parts = 0;
  size_t values[kMaxParts] = {};
};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// True if `name` is the row's, with any number for each `#` and `@`.
bool Match(const char* pattern, const char* name, Found& found) {
  found.parts = 1;
  for (; *pattern != '\0'; ++pattern) {
    if (*pattern == '.') ++found.parts;
    if (*pattern != '#' && *pattern != '@') {
      if (*pattern != *name++) return false;
      continue;
    }
    if (!IsDigit(*name)) return false;
    size_t number = 0;
    for (; IsDigit(*name) && number <= kAllArenas; ++name) {
      number = number * 10 + static_cast<size_t>(*name - '0');
    }
    found.values[found.parts - 1] = number;
  }
  return *name == '\0';
}

// The numbers of `values` into the call, by the row's pattern. False: one of them does not exist.
bool PutNumbers(const ControlRow& row, const size_t* values, ControlCall& call) {
  size_t part = 0;
  for (const char* at = row.name; *at != '\0'; ++at) {
    if (*at == '.') ++part;
    if (*at == '#') {
      call.arena = values[part];
      if (call.arena > kArenaCount && call.arena != kAllArenas) return false;
    } else if (*at == '@') {
      call.index = values[part];
      if (!HasClass(row, call.index)) return false;
    }
  }
  return true;
}

size_t PartsOf(const ControlRow& row) {
  size_t parts = 1;
  for (const char* at = row.name; *at != '\0'; ++at) parts += *at == '.';
  return parts;
}

Found FindRow(const char* name) {
  size_t count = 0;
  const ControlRow* rows = ControlRows(count);
  for (size_t i = 0; i < count; ++i) {
    Found found;
    if (!Match(rows[i].name, name, found)) continue;
    found.row = &rows[i];
    found.number = i;
    return found;
  }
  return {};
}

}  // namespace

SPANHEAP_EXPORT int mallctl(const char* name, void* old_value, size_t* old_length, void* new_value,
                            size_t new_length) {
  const Found found = FindRow(name);
  ControlCall call{old_value, old_length, new_value, new_length, 0, 0};
  if (found.row == nullptr || !PutNumbers(*found.row, found.values, call)) return ENOENT;
  return found.row->handle(call);
}

SPANHEAP_EXPORT int mallctlnametomib(const char* name, size_t* mib, size_t* mib_length) {
  Found found = FindRow(name);
  ControlCall unused{};
  if (found.row == nullptr || !PutNumbers(*found.row, found.values, unused)) return ENOENT;
  found.values[0] = found.number;
  if (*mib_length > found.parts) *mib_length = found.parts;
  for (size_t i = 0; i < *mib_length; ++i) mib[i] = found.values[i];
  return 0;
}

SPANHEAP_EXPORT int mallctlbymib(const size_t* mib, size_t mib_length, void* old_value,
                                 size_t* old_length, void* new_value, size_t new_length) {
  size_t count = 0;
  const ControlRow* rows = ControlRows(count);
  if (mib_length == 0 || mib[0] >= count) return ENOENT;
  const ControlRow& row = rows[mib[0]];
  ControlCall call{old_value, old_length, new_value, new_length, 0, 0};
  if (mib_length != PartsOf(row) || !PutNumbers(row, mib, call)) return ENOENT;
  return row.handle(call);
}
