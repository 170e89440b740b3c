// SPDX-License-Identifier: MIT
#include "spanheap/look/core_file.h"

#include <elf.h>
#include <fmt/core.h>
#include <sys/procfs.h>
#include <sys/stat.h>
#include <sys/user.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "spanheap/look/build_id.h"

namespace spanheap::look {
namespace {

constexpr size_t kHead = 64 << 10;  // bytes of a file that its notes lie in

constexpr uint64_t Aligned4(uint64_t n) { return (n + 3) & ~uint64_t{3}; }

// As far as numbers go: what the file says of itself may be anything.
uint64_t EndOf(uint64_t offset, uint64_t size) {
  return offset + size < offset ? ~uint64_t{0} : offset + size;
}

// One structure out of the bytes; all zero when they are too few.
template <class T>
T Load(std::string_view bytes, uint64_t offset) {
  T value{};
  if (offset <= bytes.size() && bytes.size() - offset >= sizeof(T)) {
    std::memcpy(&value, bytes.data() + offset, sizeof(T));
  }
  return value;
}

uint64_t StackPointerOf(const elf_prstatus& status) {
  user_regs_struct registers;
  static_assert(sizeof(registers) <= sizeof(status.pr_reg));
  std::memcpy(&registers, &status.pr_reg, sizeof(registers));
#if defined(__x86_64__)
  return registers.rsp;
#else
  return registers.sp;
#endif
}

template <class Range>
auto FindAtOrBelow(const Range& ranges, uint64_t address) {
  auto above = std::upper_bound(ranges.begin(), ranges.end(), address,
                                [](uint64_t a, const auto& r) { return a < r.start; });
  return above == ranges.begin() ? ranges.end() : std::prev(above);
}

}  // namespace

CoreFile::CoreFile(const std::string& path) : core_(path) {
  const auto header = Load<Elf64_Ehdr>(core_.bytes(), 0);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_type != ET_CORE) {
    throw std::runtime_error(fmt::format("{} is neither a process id nor a core file", path));
  }
  if (header.e_ident[EI_CLASS] != ELFCLASS64) {
    throw std::runtime_error(fmt::format("{} is the core file of a 32-bit program", path));
  }
  ReadSegments(path);
}

void CoreFile::ReadSegments(const std::string& path) {
  const auto header = Load<Elf64_Ehdr>(core_.bytes(), 0);
  uint64_t count = header.e_phnum;
  if (count == PN_XNUM) count = Load<Elf64_Shdr>(core_.bytes(), header.e_shoff).sh_info;
  uint64_t needed = EndOf(header.e_phoff, count * sizeof(Elf64_Phdr));
  const auto fail_if_short = [&] {
    if (needed <= core_.bytes().size()) return;
    throw std::runtime_error(fmt::format("{} is cut short: {} of {} bytes are there", path,
                                         core_.bytes().size(), needed));
  };
  fail_if_short();
  std::vector<Elf64_Phdr> notes;
  for (uint64_t i = 0; i < count; ++i) {
    const auto segment = Load<Elf64_Phdr>(core_.bytes(), header.e_phoff + i * sizeof(Elf64_Phdr));
    needed = std::max(needed, EndOf(segment.p_offset, segment.p_filesz));
    if (segment.p_type == PT_NOTE) notes.push_back(segment);
    if (segment.p_type != PT_LOAD || segment.p_memsz == 0) continue;
    segments_.push_back({segment.p_vaddr, segment.p_filesz, segment.p_offset});
    Mapping mapping;
    mapping.start = segment.p_vaddr;
    mapping.end = EndOf(segment.p_vaddr, segment.p_memsz);
    mapping.permissions = {(segment.p_flags & PF_R) != 0 ? 'r' : '-',
                           (segment.p_flags & PF_W) != 0 ? 'w' : '-',
                           (segment.p_flags & PF_X) != 0 ? 'x' : '-', 'p'};
    mappings_.push_back(mapping);
  }
  fail_if_short();
  const auto by_start = [](const auto& a, const auto& b) { return a.start < b.start; };
  std::sort(segments_.begin(), segments_.end(), by_start);
  std::sort(mappings_.begin(), mappings_.end(), by_start);
  for (const Elf64_Phdr& note : notes) ReadNotes(note.p_offset, note.p_filesz);
  std::sort(files_.begin(), files_.end(), by_start);
  std::sort(stack_pointers_.begin(), stack_pointers_.end());
  for (Mapping& mapping : mappings_) {
    const auto file = FindAtOrBelow(files_, mapping.start);
    if (file == files_.end() || mapping.start >= file->end) continue;
    mapping.name = file->name;
    mapping.offset = file->offset + (mapping.start - file->start);
  }
}

void CoreFile::ReadNotes(uint64_t offset, uint64_t size) {
  const std::string_view notes = core_.bytes().substr(offset, size);
  for (uint64_t at = 0; at + sizeof(Elf64_Nhdr) <= notes.size();) {
    const auto note = Load<Elf64_Nhdr>(notes, at);
    const uint64_t begin = at + sizeof(note) + Aligned4(note.n_namesz);
    if (begin + note.n_descsz > notes.size()) return;
    const std::string_view content = notes.substr(begin, note.n_descsz);
    if (note.n_type == NT_FILE) ReadMappedFiles(content);
    if (note.n_type == NT_PRSTATUS) ReadThread(content);
    if (note.n_type == NT_PRPSINFO) {
      const auto info = Load<elf_prpsinfo>(content, 0);
      program_ = std::string(info.pr_fname, strnlen(info.pr_fname, sizeof(info.pr_fname)));
      pid_ = info.pr_pid;
    }
    at = begin + Aligned4(note.n_descsz);
  }
}

// A count, the unit of offsets, three numbers a file, then their names.
void CoreFile::ReadMappedFiles(std::string_view content) {
  const auto count = Load<uint64_t>(content, 0);
  const auto unit = Load<uint64_t>(content, 8);
  if (count > content.size() / 24) return;
  size_t name = 16 + count * 24;
  for (uint64_t i = 0; i < count && name < content.size(); ++i) {
    Mapping file;
    file.start = Load<uint64_t>(content, 16 + i * 24);
    file.end = Load<uint64_t>(content, 24 + i * 24);
    file.offset = Load<uint64_t>(content, 32 + i * 24) * unit;
    const size_t length = strnlen(content.data() + name, content.size() - name);
    file.name = std::string(content.substr(name, length));
    name += length + 1;
    files_.push_back(file);
  }
}

void CoreFile::ReadThread(std::string_view content) {
  const auto status = Load<elf_prstatus>(content, 0);
  if (pid_ == 0) pid_ = status.pr_pid;
  stack_pointers_.push_back(StackPointerOf(status));
}

// By the first bytes of the file as the core holds them; empty: it does not.
std::string CoreFile::BuildIdOfMapped(const std::string& path) const {
  for (const Mapping& part : files_) {
    if (part.offset != 0 || part.name != path) continue;
    std::string head(kHead, '\0');
    head.resize(CopyFromCore(part.start, head.data(), head.size()));
    return BuildIdOf(head);
  }
  return "";
}

// The path may be whatever the core says: nothing but a file is opened.
CoreFile::Opened CoreFile::Open(const std::string& path) const {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) {
    return {path, nullptr,
            fmt::format("the core file leaves out what is in {}: {}", path, std::strerror(errno))};
  }
  if (!S_ISREG(status.st_mode)) return {path, nullptr, path + " is not a file"};
  auto file = std::make_unique<tools::MappedFile>(path);
  const std::string now = BuildIdOf(file->bytes());
  const std::string then = BuildIdOfMapped(path);
  if (then.empty() || now == then) return {path, std::move(file), ""};
  return {path, nullptr,
          fmt::format("{} is not the file that the process had mapped: its build id is {}, not {}",
                      path, now.empty() ? "missing" : now, then)};
}

const CoreFile::Opened& CoreFile::FileAt(const std::string& path) const {
  for (const auto& opened : opened_) {
    if (opened->path == path) return *opened;
  }
  opened_.push_back(std::make_unique<Opened>(Open(path)));
  return *opened_.back();
}

std::string CoreFile::WhyNot(uint64_t address) const {
  const auto file = FindAtOrBelow(files_, address);
  return file == files_.end() || address >= file->end ? "" : FileAt(file->name).why_not;
}

// Bytes copied from the start of [address, address + size).
uint64_t CoreFile::CopyFromCore(uint64_t address, char* to, uint64_t size) const {
  const auto segment = FindAtOrBelow(segments_, address);
  if (segment == segments_.end() || address - segment->start >= segment->in_file) return 0;
  const uint64_t skip = address - segment->start;
  const uint64_t n = std::min(size, segment->in_file - skip);
  std::memcpy(to, core_.bytes().data() + segment->offset + skip, n);
  return n;
}

uint64_t CoreFile::CopyFromMapped(uint64_t address, char* to, uint64_t size) const {
  const auto file = FindAtOrBelow(files_, address);
  if (file == files_.end() || address >= file->end) return 0;
  const Opened& opened = FileAt(file->name);
  const std::string_view bytes = opened.file != nullptr ? opened.file->bytes() : "";
  const uint64_t offset = file->offset + (address - file->start);
  if (offset >= bytes.size()) return 0;
  const uint64_t n = std::min({size, file->end - address, bytes.size() - offset});
  std::memcpy(to, bytes.data() + offset, n);
  return n;
}

size_t CoreFile::ReadMany(std::span<const MemoryPiece> pieces) const {
  size_t failed = 0;
  for (const MemoryPiece& piece : pieces) {
    auto* to = static_cast<char*>(piece.to);
    uint64_t done = 0;
    while (done < piece.size) {
      uint64_t n = CopyFromCore(piece.address + done, to + done, piece.size - done);
      if (n == 0) n = CopyFromMapped(piece.address + done, to + done, piece.size - done);
      if (n == 0) break;
      done += n;
    }
    if (done == piece.size) continue;
    std::memset(to + done, 0, piece.size - done);
    ++failed;
  }
  return failed;
}

}  // namespace spanheap::look
