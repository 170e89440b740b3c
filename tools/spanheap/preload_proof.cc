// SPDX-License-Identifier: MIT
#include "spanheap/preload_proof.h"

#include <fmt/core.h>

#include <algorithm>
#include <fstream>

namespace spanheap::tools {

void ProofSearch::Look() {
  if (!Read().has_libc) return;
  // The list is not read in one moment; this one is read wholly after the linker was done.
  const Mappings settled = Read();
  if (!settled.has_libc) return;
  found_ = settled.has_library ? PreloadProof::kMapped : PreloadProof::kAbsent;
}

ProofSearch::Mappings ProofSearch::Read() const {
  Mappings mappings;
  std::ifstream file(fmt::format("/proc/{}/maps", pid_));
  for (std::string line; std::getline(file, line);) {
    const size_t start = line.find('/');
    if (start == std::string::npos) continue;
    const std::string path = line.substr(start);
    const std::string name = path.substr(path.rfind('/') + 1);
    if (path == library_) mappings.has_library = true;
    if (name.starts_with("libc.so.") || name.starts_with("libc-2.")) mappings.has_libc = true;
  }
  return mappings;
}

int64_t ProofSearch::NextPause() {
  waited_ += pause_;
  if (waited_ > kCloselyFor) pause_ = std::min(pause_ * 2, kLongestPause);
  return pause_;
}

}  // namespace spanheap::tools
