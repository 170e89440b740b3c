// SPDX-License-Identifier: MIT
#include "spanheap/elf_file.h"

#include <elf.h>
#include <link.h>

#include <algorithm>
#include <cstring>

#include "spanheap/mapped_file.h"

namespace spanheap::tools {
namespace {

using Names = std::span<const std::string_view>;

// A file's bytes, read as structures; every access says whether it lies inside.
class View {
 public:
  explicit View(std::string_view bytes) : bytes_(bytes) {}

  template <class T>
  const T* At(uint64_t offset) const {
    return Table<T>(offset, 1).data();
  }

  // Empty when any part lies outside. Tables in ELF files are aligned; odd ones are refused.
  template <class T>
  std::span<const T> Table(uint64_t offset, uint64_t count) const {
    if (offset > bytes_.size() || count > (bytes_.size() - offset) / sizeof(T)) return {};
    const char* start = bytes_.data() + offset;
    if (reinterpret_cast<uintptr_t>(start) % alignof(T) != 0) return {};
    return {reinterpret_cast<const T*>(start), static_cast<size_t>(count)};
  }

  // The string that starts at `offset`; empty when it does not end inside the file.
  std::string_view Text(uint64_t offset) const {
    if (offset >= bytes_.size()) return {};
    const std::string_view rest = bytes_.substr(static_cast<size_t>(offset));
    const size_t end = rest.find('\0');
    return end == std::string_view::npos ? std::string_view{} : rest.substr(0, end);
  }

 private:
  std::string_view bytes_;
};

// Where the bytes of virtual address `address` lie in the file.
std::optional<uint64_t> FileOffset(std::span<const Elf64_Phdr> headers, uint64_t address) {
  for (const Elf64_Phdr& header : headers) {
    if (header.p_type != PT_LOAD || address < header.p_vaddr) continue;
    if (address - header.p_vaddr < header.p_filesz) {
      return address - header.p_vaddr + header.p_offset;
    }
  }
  return std::nullopt;
}

void ReadDynamic(const View& view, std::span<const Elf64_Phdr> headers, const Elf64_Phdr& dynamic,
                 ElfFile& file) {
  const auto entries =
      view.Table<Elf64_Dyn>(dynamic.p_offset, dynamic.p_filesz / sizeof(Elf64_Dyn));
  std::optional<uint64_t> strings;
  for (const Elf64_Dyn& entry : entries) {
    if (entry.d_tag == DT_STRTAB) strings = FileOffset(headers, entry.d_un.d_ptr);
  }
  if (!strings) return;
  for (const Elf64_Dyn& entry : entries) {
    if (entry.d_tag == DT_NULL) break;
    if (entry.d_tag == DT_NEEDED) file.needed.emplace_back(view.Text(*strings + entry.d_un.d_val));
  }
}

void ReadSegments(const View& view, const Elf64_Ehdr& header, ElfFile& file) {
  const auto headers = view.Table<Elf64_Phdr>(header.e_phoff, header.e_phnum);
  for (const Elf64_Phdr& segment : headers) {
    if (segment.p_type == PT_INTERP) file.interpreter = view.Text(segment.p_offset);
    if (segment.p_type == PT_DYNAMIC) ReadDynamic(view, headers, segment, file);
  }
}

void ReadSymbols(const View& view, const Elf64_Ehdr& header, Names names, ElfFile& file) {
  const auto sections = view.Table<Elf64_Shdr>(header.e_shoff, header.e_shnum);
  for (const Elf64_Shdr& section : sections) {
    if (section.sh_type != SHT_DYNSYM && section.sh_type != SHT_SYMTAB) continue;
    if (section.sh_link >= sections.size()) continue;
    const uint64_t strings = sections[section.sh_link].sh_offset;
    const auto symbols =
        view.Table<Elf64_Sym>(section.sh_offset, section.sh_size / sizeof(Elf64_Sym));
    for (const Elf64_Sym& symbol : symbols) {
      if (symbol.st_shndx == SHN_UNDEF || ELF64_ST_BIND(symbol.st_info) == STB_LOCAL) continue;
      const std::string_view name = view.Text(strings + symbol.st_name);
      if (std::find(names.begin(), names.end(), name) == names.end()) continue;
      file.defined.emplace_back(name);
      if (section.sh_type == SHT_DYNSYM) file.exported.emplace_back(name);
    }
  }
}

}  // namespace

std::optional<ElfFile> ReadElfFile(const std::string& path, Names names_of_interest) {
  const MappedFile mapping(path);
  const View view(mapping.bytes());
  // The first fields lie at the same place in both classes.
  const auto* start = view.At<Elf32_Ehdr>(0);
  if (start == nullptr || std::memcmp(start->e_ident, ELFMAG, SELFMAG) != 0) return std::nullopt;
  ElfFile file;
  file.file_class = start->e_ident[EI_CLASS];
  file.machine = start->e_machine;
  const auto* header = view.At<Elf64_Ehdr>(0);
  if (file.file_class != ELFCLASS64 || start->e_ident[EI_DATA] != ELFDATA2LSB) return file;
  if (header == nullptr) return std::nullopt;
  ReadSegments(view, *header, file);
  ReadSymbols(view, *header, names_of_interest, file);
  return file;
}

}  // namespace spanheap::tools
