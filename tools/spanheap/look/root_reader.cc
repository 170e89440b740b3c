// SPDX-License-Identifier: MIT
#include "spanheap/look/root_reader.h"

#include <elf.h>
#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "spanheap/look/damage.h"

namespace spanheap::look {
namespace {

constexpr uint32_t kMostEntries = 4096;
constexpr uint64_t kMostNotes = 64 << 10;  // bytes of one segment of notes
constexpr char kOwner[] = "spanheap";

uint64_t Aligned4(uint64_t n) { return (n + 3) & ~uint64_t{3}; }

// The address of the content of our note among the notes at `start`; 0: it is not there.
uint64_t FindInNotes(const Memory& memory, uint64_t start, uint64_t size) {
  if (size > kMostNotes) return 0;
  const std::vector<char> notes = memory.Array<char>(start, size);
  for (uint64_t at = 0; at + sizeof(Elf64_Nhdr) <= size;) {
    Elf64_Nhdr note;
    std::memcpy(&note, notes.data() + at, sizeof(note));
    const uint64_t owner = at + sizeof(note);
    const uint64_t content = owner + Aligned4(note.n_namesz);
    if (content + note.n_descsz > size) return 0;
    if (note.n_type == SH_ROOT_NOTE && note.n_namesz == sizeof(kOwner) &&
        note.n_descsz == sizeof(uint64_t) &&
        std::memcmp(notes.data() + owner, kOwner, sizeof(kOwner)) == 0) {
      return start + content;
    }
    at = content + Aligned4(note.n_descsz);
  }
  return 0;
}

// The record of the ELF file mapped at `start`; 0: it has none.
uint64_t FindInFile(const Memory& memory, uint64_t start) {
  Elf64_Ehdr header;
  if (!memory.Read(start, &header, sizeof(header)) ||
      std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_phnum > 128) {
    return 0;
  }
  const auto segments = memory.Array<Elf64_Phdr>(start + header.e_phoff, header.e_phnum);
  const auto first = std::find_if(segments.begin(), segments.end(),
                                  [](const Elf64_Phdr& s) { return s.p_type == PT_LOAD; });
  if (first == segments.end()) return 0;
  const uint64_t bias = start - (first->p_vaddr - first->p_offset);
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type != PT_NOTE) continue;
    const uint64_t content = FindInNotes(memory, bias + segment.p_vaddr, segment.p_memsz);
    if (content != 0) return content + memory.Number(content, sizeof(uint64_t));
  }
  return 0;
}

}  // namespace

std::string_view RootField::PartOf(std::string_view record, uint32_t element) const {
  const uint64_t at = offset + uint64_t{element} * size;
  if (at <= record.size() && size <= record.size() - at) return record.substr(at, size);
  throw Damaged("a field lies outside of its record");
}

uint64_t RootField::In(std::string_view record, uint32_t element) const {
  uint64_t value = 0;
  const std::string_view bytes = PartOf(record, element);
  std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof(value)));
  return value;
}

RootReader::RootReader(const Memory& memory, const std::vector<Mapping>& mappings,
                       const std::string& what)
    : memory_(memory), what_(what) {
  bool was_found = false;
  for (const Mapping& mapping : mappings) {
    if (mapping.offset != 0 || !mapping.name.starts_with("/")) continue;
    const uint64_t record = FindInFile(memory, mapping.start);
    if (record == 0 || !Load(record)) continue;
    was_found = true;
    if (Value("started") != 0) return;
  }
  if (was_found) {
    throw std::runtime_error(fmt::format("{} has the library, but has not used its heap", what));
  }
  throw std::runtime_error(fmt::format("{} does not run on spanheap", what));
}

// False: there is no record after all.
bool RootReader::Load(uint64_t address) {
  sh_root_record record;
  if (!memory_.Read(address, &record, sizeof(record)) ||
      std::memcmp(record.magic, SH_ROOT_MAGIC, sizeof(SH_ROOT_MAGIC) - 3) != 0) {
    return false;
  }
  record.library[sizeof(record.library) - 1] = '\0';
  library_version_ = record.library;
  if (record.format != SH_ROOT_FORMAT || record.entry_size != sizeof(sh_root_entry) ||
      record.entry_count > kMostEntries) {
    throw std::runtime_error(
        fmt::format("other version: the heap of {} is libspanheap {}, whose description of itself "
                    "has format {}; this command reads format {}",
                    what_, library_version_, record.format, SH_ROOT_FORMAT));
  }
  entries_.clear();
  for (sh_root_entry& entry : memory_.Array<sh_root_entry>(
           reinterpret_cast<uint64_t>(record.entries), record.entry_count)) {
    entry.name[sizeof(entry.name) - 1] = '\0';
    entries_.emplace(entry.name, entry);
  }
  return true;
}

const sh_root_entry& RootReader::Find(const std::string& name, sh_root_kind kind) const {
  const auto entry = entries_.find(name);
  if (entry != entries_.end() && entry->second.kind == kind) return entry->second;
  throw std::runtime_error(
      fmt::format("other version: the heap of {} is libspanheap {}, which does not tell \"{}\"",
                  what_, library_version_, name));
}

uint64_t RootReader::Address(const std::string& name) const {
  return reinterpret_cast<uint64_t>(
      const_cast<const void*>(Find(name, SH_ROOT_ADDRESS).where.address));
}

uint64_t RootReader::Value(const std::string& name, uint32_t element) const {
  const sh_root_entry& entry = Find(name, SH_ROOT_ADDRESS);
  return memory_.Number(Address(name) + uint64_t{element} * entry.size, entry.size);
}

uint64_t RootReader::ValueOr(const std::string& name, uint64_t otherwise) const {
  return Has(name) ? Value(name) : otherwise;
}

RootField RootReader::Field(const std::string& name) const {
  const sh_root_entry& entry = Find(name, SH_ROOT_FIELD);
  const RootField field = {entry.where.number, entry.size, entry.count};
  if (field.offset <= kMostRecord && field.end() <= kMostRecord) return field;
  throw Damaged(fmt::format("the field \"{}\" lies {} bytes into its record", name, field.offset));
}

uint64_t RootReader::NumberWithin(const std::string& name, uint64_t low, uint64_t high) const {
  const uint64_t number = Number(name);
  if (number >= low && number <= high) return number;
  throw Damaged(fmt::format("\"{}\" is {}", name, number));
}

}  // namespace spanheap::look
