// SPDX-License-Identifier: MIT
//
// CoreFile: memory of a process that left a core file: its segments, the files that were mapped,
// its threads' stack pointers.
//
// Idea.  What the core leaves out because it lies in a file (code, mostly) is read from that file,
//        if it is still there and not another one by now: the build ids tell.
// Fails. The constructor throws std::runtime_error: not a core file, not of 64 bits, cut short.
// Tests. tests/tools/look_test.cc, explain_test.py.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "spanheap/look/mapping.h"
#include "spanheap/look/memory.h"
#include "spanheap/mapped_file.h"

namespace spanheap::look {

class CoreFile final : public Memory {
 public:
  explicit CoreFile(const std::string& path);
  size_t ReadMany(std::span<const MemoryPiece> pieces) const override;
  std::string WhyNot(uint64_t address) const override;
  uint64_t size_limit() const override { return core_.bytes().size() + kBeside; }

  const std::vector<Mapping>& mappings() const { return mappings_; }
  // Files that were mapped, also where the core holds nothing of them.
  const std::vector<Mapping>& files() const { return files_; }
  const std::vector<uint64_t>& stack_pointers() const { return stack_pointers_; }
  const std::string& program() const { return program_; }
  pid_t pid() const { return pid_; }

 private:
  // What is made of its tables may be more than they are: of pages that were given back, say.
  static constexpr uint64_t kBeside = uint64_t{1} << 30;

  struct Segment {
    uint64_t start;
    uint64_t in_file;  // bytes of it that the core holds
    uint64_t offset;
  };
  struct Opened {
    std::string path;
    std::unique_ptr<tools::MappedFile> file;  // null with
    std::string why_not;                      // the reason
  };

  void ReadSegments(const std::string& path);
  void ReadNotes(uint64_t offset, uint64_t size);
  void ReadMappedFiles(std::string_view content);
  void ReadThread(std::string_view content);
  uint64_t CopyFromCore(uint64_t address, char* to, uint64_t size) const;
  uint64_t CopyFromMapped(uint64_t address, char* to, uint64_t size) const;
  std::string BuildIdOfMapped(const std::string& path) const;
  Opened Open(const std::string& path) const;
  const Opened& FileAt(const std::string& path) const;

  tools::MappedFile core_;
  std::vector<Segment> segments_;  // by address
  std::vector<Mapping> files_;     // parts of files that were mapped, by address
  std::vector<Mapping> mappings_;
  std::vector<uint64_t> stack_pointers_;
  std::string program_;
  pid_t pid_ = 0;
  mutable std::vector<std::unique_ptr<Opened>> opened_;  // and those that cannot be
};

}  // namespace spanheap::look
