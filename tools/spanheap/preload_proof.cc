// SPDX-License-Identifier: MIT
#include "spanheap/preload_proof.h"

#include <fmt/core.h>

#include <algorithm>
#include <fstream>

namespace spanheap::tools {

void ProofSearch::Look() {
  std::ifstream maps(fmt::format("/proc/{}/maps", pid_));
  for (std::string line; std::getline(maps, line);) {
    const size_t start = line.find('/');
    if (start == std::string::npos) continue;
    const std::string path = line.substr(start);
    const std::string name = path.substr(path.rfind('/') + 1);
    if (name.starts_with("libc.so.") || name.starts_with("libc-2.")) found_ = PreloadProof::kAbsent;
    if (path == library_) {
      found_ = PreloadProof::kMapped;
      return;
    }
  }
}

int64_t ProofSearch::NextPause() {
  waited_ += pause_;
  if (waited_ > kCloselyFor) pause_ = std::min(pause_ * 2, kLongestPause);
  return pause_;
}

}  // namespace spanheap::tools
