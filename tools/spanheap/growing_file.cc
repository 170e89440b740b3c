// SPDX-License-Identifier: MIT
#include "spanheap/growing_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace spanheap::tools {

GrowingFile::GrowingFile(const std::string& path, const std::string& head, std::string tail)
    : tail_(std::move(tail)) {
  file_ = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file_ < 0) throw std::system_error(errno, std::generic_category(), path);
  WriteAtEnd(head + tail_);
  end_ = static_cast<off_t>(head.size());
}

GrowingFile::~GrowingFile() { close(file_); }

void GrowingFile::Append(const std::string& items) {
  const std::string text = (is_empty_ ? "\n" : ",\n") + items;
  WriteAtEnd(text + tail_);
  end_ += static_cast<off_t>(text.size());
  is_empty_ = false;
}

void GrowingFile::WriteAtEnd(const std::string& text) const {
  if (pwrite(file_, text.data(), text.size(), end_) != static_cast<ssize_t>(text.size())) {
    throw std::system_error(errno, std::generic_category(), "the file cannot be written");
  }
}

}  // namespace spanheap::tools
