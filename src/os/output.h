// SPDX-License-Identifier: MIT
//
// Writing to descriptors and files without stdio.
//
// Fails. With false; what was written before stays written. errno is preserved.
// Tests. tests/os/output_test.cc.
#pragma once

#include <cstddef>

namespace spanheap::os {

// Writes all of it, however often the kernel takes only a part.
bool WriteAll(int descriptor, const char* data, size_t size);

// A file created, or emptied, for writing; closed at the end of the scope.
class OutputFile {
 public:
  explicit OutputFile(const char* path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  bool is_open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }

 private:
  const int descriptor_;
};

}  // namespace spanheap::os
