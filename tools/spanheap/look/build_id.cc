// SPDX-License-Identifier: MIT
#include "spanheap/look/build_id.h"

#include <elf.h>
#include <fmt/core.h>

#include <cstdint>
#include <cstring>

namespace spanheap::look {
namespace {

constexpr uint64_t kLongest = 64;  // bytes; 20 as a rule
constexpr std::string_view kOwner{"GNU", 4};

uint64_t Aligned4(uint64_t n) { return (n + 3) & ~uint64_t{3}; }

// False: it does not lie within the bytes.
template <class T>
bool Load(std::string_view bytes, uint64_t offset, T& value) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return false;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return true;
}

std::string Digits(std::string_view bytes) {
  std::string digits;
  for (const char c : bytes) digits += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return digits;
}

std::string FindInNotes(std::string_view notes) {
  Elf64_Nhdr note;
  for (uint64_t at = 0; Load(notes, at, note);) {
    const uint64_t owner = at + sizeof(note);
    const uint64_t content = owner + Aligned4(note.n_namesz);
    if (content + note.n_descsz > notes.size()) return "";
    if (note.n_type == NT_GNU_BUILD_ID && note.n_descsz <= kLongest &&
        notes.substr(owner, note.n_namesz) == kOwner) {
      return Digits(notes.substr(content, note.n_descsz));
    }
    at = content + Aligned4(note.n_descsz);
  }
  return "";
}

}  // namespace

std::string BuildIdOf(std::string_view file) {
  Elf64_Ehdr header;
  if (!Load(file, 0, header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64) {
    return "";
  }
  Elf64_Phdr segment;
  for (uint64_t i = 0; i < header.e_phnum; ++i) {
    if (!Load(file, header.e_phoff + i * sizeof(segment), segment)) return "";
    if (segment.p_type != PT_NOTE || segment.p_offset > file.size()) continue;
    const std::string id = FindInNotes(file.substr(segment.p_offset, segment.p_filesz));
    if (!id.empty()) return id;
  }
  return "";
}

}  // namespace spanheap::look
