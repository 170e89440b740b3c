// SPDX-License-Identifier: MIT
#include "spanheap/growing_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace spanheap::tools {

GrowingFile::GrowingFile(const std::string& path, const std::string& head, std::string tail)
    : path_(path), tail_(std::move(tail)) {
  file_ = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file_ < 0) throw std::system_error(errno, std::generic_category(), path);
  if (const int error = WriteAtEnd(head + tail_); error != 0) {
    close(file_);
    throw std::system_error(error, std::generic_category(), path);
  }
  end_ = static_cast<off_t>(head.size());
}

GrowingFile::~GrowingFile() { close(file_); }

void GrowingFile::Append(const std::string& items) {
  const std::string text = (is_empty_ ? "\n" : ",\n") + items;
  if (const int error = WriteAtEnd(text + tail_); error != 0) {
    // As it was before: what closed it was there, so it has its room.
    WriteAtEnd(tail_);
    static_cast<void>(!ftruncate(file_, end_ + static_cast<off_t>(tail_.size())));
    throw std::system_error(error, std::generic_category(), path_);
  }
  end_ += static_cast<off_t>(text.size());
  is_empty_ = false;
}

// 0, or errno.
int GrowingFile::WriteAtEnd(const std::string& text) const {
  for (size_t done = 0; done < text.size();) {
    const ssize_t n =
        pwrite(file_, text.data() + done, text.size() - done, end_ + static_cast<off_t>(done));
    if (n < 0 && errno != EINTR) return errno;
    if (n > 0) done += static_cast<size_t>(n);
  }
  return 0;
}

}  // namespace spanheap::tools
