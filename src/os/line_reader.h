// SPDX-License-Identifier: MIT
//
// LineReader: a text file of any length line by line, through a small buffer of its own.
//
// Fails. A line longer than kMaxLine is cut; what follows of it is skipped. A file that cannot be
//        opened has no lines.
// Cost.  One system call per two KiB. errno is changed.
// Tests. tests/os/line_reader_test.cc.
#pragma once

#include <cstddef>

#include "os/small_file.h"

namespace spanheap::os {

class LineReader {
 public:
  static constexpr size_t kMaxLine = 1024;

  explicit LineReader(const char* path) : file_(path) {}

  // The next line without its end, closed by a zero; null when there is none. It stays until the
  // next call.
  const char* Next();

 private:
  bool FillPiece();

  SmallFile file_;
  size_t at_ = 0;
  size_t end_ = 0;
  char piece_[2048];
  char line_[kMaxLine + 1];
};

}  // namespace spanheap::os
