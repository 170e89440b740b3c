// SPDX-License-Identifier: MIT
//
// GrowingFile: a JSON document whose last list grows, whole after each item.
//
// Idea.  What closes the document is written over by the next item. So it can be read while it
//        grows, and after its writer has died in whatever way.
// Fails. std::system_error with the path when the file cannot be written; it is whole up to there.
// Tests. tests/tools/full_disk_test.py, view_test.py, trace_test.py.
#pragma once

#include <sys/types.h>

#include <string>

namespace spanheap::tools {

class GrowingFile {
 public:
  // Creates the file. `head` ends with the list's opening bracket, `tail` begins with its closing
  // one.
  GrowingFile(const std::string& path, const std::string& head, std::string tail);
  ~GrowingFile();
  GrowingFile(const GrowingFile&) = delete;
  GrowingFile& operator=(const GrowingFile&) = delete;

  // One item, or several with commas between them.
  void Append(const std::string& items);
  bool is_empty() const { return is_empty_; }

 private:
  int WriteAtEnd(const std::string& text) const;

  const std::string path_;
  const std::string tail_;
  int file_ = -1;
  off_t end_ = 0;  // where the next item goes
  bool is_empty_ = true;
};

}  // namespace spanheap::tools
