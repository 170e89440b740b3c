// SPDX-License-Identifier: MIT
#include "spanheap/look/mapping.h"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "spanheap/look/process_memory.h"

namespace spanheap::look {
namespace {

// "7f..-7f.. rw-p 0001 fd:00 123   /path"; false: the line is something else.
bool ParseHead(const std::string& line, Mapping& mapping) {
  char permissions[8] = {};
  int consumed = 0;
  const int got =
      std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*s %*s%n", &mapping.start,
                  &mapping.end, permissions, &mapping.offset, &consumed);
  if (got != 4 || consumed == 0) return false;
  mapping.permissions = permissions;
  const size_t name = line.find_first_not_of(' ', static_cast<size_t>(consumed));
  mapping.name = name == std::string::npos ? "" : line.substr(name);
  return true;
}

void ParseDetail(const std::string& line, Mapping& mapping) {
  const auto take = [&line](const char* key, uint64_t& bytes) {
    if (!line.starts_with(key)) return;
    bytes = std::strtoull(line.c_str() + std::strlen(key), nullptr, 10) << 10;
  };
  take("Rss:", mapping.resident);
  take("AnonHugePages:", mapping.huge);
  take("Swap:", mapping.swapped);
}

std::vector<Mapping> ReadFile(pid_t pid, const char* which) {
  const std::string path = fmt::format("/proc/{}/{}", pid, which);
  errno = 0;
  std::ifstream file(path);
  std::vector<Mapping> mappings;
  for (std::string line; std::getline(file, line);) {
    Mapping mapping;
    // Details begin with a capital letter, addresses do not.
    if (line[0] >= 'A' && line[0] <= 'Z') {
      if (!mappings.empty()) ParseDetail(line, mappings.back());
    } else if (ParseHead(line, mapping)) {
      mappings.push_back(mapping);
    }
  }
  if (!mappings.empty()) return mappings;
  if (!std::filesystem::exists(fmt::format("/proc/{}", pid))) {
    throw std::runtime_error(fmt::format("there is no process {}", pid));
  }
  if (errno == EACCES || errno == EPERM) FailForbidden(pid);
  throw std::runtime_error(
      fmt::format("process {} has no memory: it has ended, or is a kernel's", pid));
}

}  // namespace

const char* LabelOf(MappingKind kind) {
  switch (kind) {
    case MappingKind::kStack:
      return "stacks";
    case MappingKind::kCode:
      return "code";
    case MappingKind::kFile:
      return "data of files";
    case MappingKind::kShared:
      return "shared memory";
    case MappingKind::kAnonymous:
      return "other anonymous";
    case MappingKind::kBreak:
      return "the break ([heap])";
    case MappingKind::kKernel:
      return "of the kernel";
  }
  return "";
}

MappingKind KindOf(const Mapping& mapping, const std::vector<uint64_t>& stack_pointers) {
  if (mapping.name.starts_with("[stack")) return MappingKind::kStack;
  if (mapping.name == "[heap]") return MappingKind::kBreak;
  if (mapping.name.starts_with("[v")) return MappingKind::kKernel;  // vdso, vvar, vsyscall
  const bool is_file = mapping.name.starts_with("/");
  const auto stack = std::lower_bound(stack_pointers.begin(), stack_pointers.end(), mapping.start);
  if (!is_file && stack != stack_pointers.end() && *stack < mapping.end) {
    return MappingKind::kStack;
  }
  if (mapping.permissions.size() > 3 && mapping.permissions[3] == 's') return MappingKind::kShared;
  if (!is_file) return MappingKind::kAnonymous;
  return mapping.permissions.find('x') != std::string::npos ? MappingKind::kCode
                                                            : MappingKind::kFile;
}

std::vector<Mapping> ReadMappings(pid_t pid) { return ReadFile(pid, "smaps"); }
std::vector<Mapping> ReadMappingsOnly(pid_t pid) { return ReadFile(pid, "maps"); }

std::vector<uint64_t> ReadStackPointers(pid_t pid) {
  std::vector<uint64_t> pointers;
  std::error_code gone;
  std::filesystem::directory_iterator tasks(fmt::format("/proc/{}/task", pid), gone);
  for (const auto& task : tasks) {
    std::ifstream file(task.path() / "syscall");
    std::string line;
    std::getline(file, line);
    // The last two words are the stack pointer and the instruction pointer.
    const size_t last = line.rfind(' ');
    if (last == std::string::npos || last == 0) continue;
    const size_t before = line.rfind(' ', last - 1);
    if (before == std::string::npos) continue;
    pointers.push_back(std::strtoull(line.c_str() + before, nullptr, 16));
  }
  std::sort(pointers.begin(), pointers.end());
  return pointers;
}

}  // namespace spanheap::look
