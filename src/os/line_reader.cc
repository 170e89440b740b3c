// SPDX-License-Identifier: MIT
#include "os/line_reader.h"

namespace spanheap::os {

bool LineReader::FillPiece() {
  const long got = file_.Read(piece_, sizeof piece_);
  at_ = 0;
  end_ = got > 0 ? static_cast<size_t>(got) : 0;
  return end_ > 0;
}

const char* LineReader::Next() {
  if (at_ == end_ && !FillPiece()) return nullptr;
  size_t size = 0;
  do {
    const char c = piece_[at_++];
    if (c == '\n') break;
    if (size < kMaxLine) line_[size++] = c;
  } while (at_ < end_ || FillPiece());
  line_[size] = '\0';
  return line_;
}

}  // namespace spanheap::os
