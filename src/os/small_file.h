// SPDX-License-Identifier: MIT
//
// SmallFile: an open file read piece by piece without stdio; closed at the end of the scope.
// Fails. A file that cannot be opened reads as nothing, `is_open` tells. errno is changed.
#pragma once

#include <cstddef>

namespace spanheap::os {

class SmallFile {
 public:
  explicit SmallFile(const char* path);
  ~SmallFile();
  SmallFile(const SmallFile&) = delete;
  SmallFile& operator=(const SmallFile&) = delete;

  bool is_open() const { return descriptor_ >= 0; }
  // Up to `capacity` bytes: fewer only at the end of the file. -1 on a read error.
  long Read(char* buffer, size_t capacity);

 private:
  const int descriptor_;
};

}  // namespace spanheap::os
