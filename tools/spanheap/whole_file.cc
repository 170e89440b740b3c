// SPDX-License-Identifier: MIT
#include "spanheap/whole_file.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace spanheap::tools {
namespace {

// A second way to a file that is open would write over what went the first one.
int OpenAlready(const std::string& path) {
  struct stat named;
  struct stat open;
  if (stat(path.c_str(), &named) != 0) return -1;
  for (const int descriptor : {STDOUT_FILENO, STDERR_FILENO}) {
    if (fstat(descriptor, &open) == 0 && open.st_dev == named.st_dev &&
        open.st_ino == named.st_ino) {
      return descriptor;
    }
  }
  return -1;
}

int WriteAll(int file, const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t n = write(file, text.data() + done, text.size() - done);
    if (n < 0 && errno != EINTR) return errno;
    if (n > 0) done += static_cast<size_t>(n);
  }
  return 0;
}

}  // namespace

std::string TextOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string WriteText(const std::string& path, const std::string& text) {
  const int there = OpenAlready(path);
  const int file =
      there >= 0 ? there : open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) return std::strerror(errno);
  int error = WriteAll(file, text);
  if (file != there && close(file) != 0 && error == 0) error = errno;
  return error == 0 ? "" : std::strerror(error);
}

void RequireWritable(const std::string& path) {
  if (std::filesystem::is_directory(path)) {
    throw std::runtime_error(fmt::format("{}: {}", path, std::strerror(EISDIR)));
  }
  std::filesystem::path target = path;
  if (access(path.c_str(), F_OK) != 0) {
    target = target.has_parent_path() ? target.parent_path() : std::filesystem::path(".");
  }
  if (access(target.c_str(), W_OK) != 0) {
    throw std::runtime_error(fmt::format("{}: {}", path, std::strerror(errno)));
  }
}

}  // namespace spanheap::tools
