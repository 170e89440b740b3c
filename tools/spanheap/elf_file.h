// SPDX-License-Identifier: MIT
//
// ElfFile: the few facts of an ELF file that decide whether a library can be preloaded into it.
//
// Idea.  The file is mapped read-only and read through bounds-checked views; only files of this
//        machine's byte order and of 64 bits are looked into, of others the header alone.
// Fails. Anything that is not ELF, cut short or contradicting itself: no value. Missing tables are
//        not an error (a stripped file has no symbol table): their facts are simply absent.
// Tests. tests/tools/program_test.cc, with programs built for the purpose.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace spanheap::tools {

struct ElfFile {
  unsigned char file_class = 0;  // ELFCLASS32 or ELFCLASS64
  uint16_t machine = 0;          // EM_X86_64, ...
  std::string interpreter;       // the dynamic linker it asks for; empty: static
  std::vector<std::string> needed;
  // Which of the names asked for it defines: in the dynamic table, in either table.
  std::vector<std::string> exported;
  std::vector<std::string> defined;
};

std::optional<ElfFile> ReadElfFile(const std::string& path,
                                   std::span<const std::string_view> names_of_interest);

}  // namespace spanheap::tools
