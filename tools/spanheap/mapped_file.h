// SPDX-License-Identifier: MIT
//
// MappedFile: a file's bytes, mapped read-only for as long as the object lives.
//
// Fails. A file that cannot be read, or is not a regular file, has no bytes.
#pragma once

#include <string>
#include <string_view>

namespace spanheap::tools {

class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::string_view bytes() const { return {static_cast<const char*>(start_), size_}; }

 private:
  void* start_ = nullptr;
  size_t size_ = 0;
};

}  // namespace spanheap::tools
