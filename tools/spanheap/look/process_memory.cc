// SPDX-License-Identifier: MIT
#include "spanheap/look/process_memory.h"

#include <fmt/core.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>

namespace spanheap::look {
namespace {

// As many as the kernel takes in one call (UIO_MAXIOV).
constexpr size_t kPiecesPerCall = 1024;

// The number in a file of /proc/sys; -1: there is none.
int SystemSetting(const char* path) {
  std::ifstream file(path);
  int value = -1;
  return file >> value ? value : -1;
}

// The user that a process runs as; the caller's own if that is not to be seen.
uid_t UserOf(pid_t pid) {
  struct stat info = {};
  return stat(fmt::format("/proc/{}", pid).c_str(), &info) == 0 ? info.st_uid : geteuid();
}

}  // namespace

void FailForbidden(pid_t pid) {
  const uid_t owner = UserOf(pid);
  if (geteuid() != 0 && owner != geteuid()) {
    throw std::runtime_error(
        fmt::format("no permission to look into process {}: it runs as user {}, this command as "
                    "user {} (be that user, or root)",
                    pid, owner, geteuid()));
  }
  const int scope = SystemSetting("/proc/sys/kernel/yama/ptrace_scope");
  if (scope == 3 || (scope > 0 && geteuid() != 0)) {
    throw std::runtime_error(
        fmt::format("no permission to look into process {}: kernel.yama.ptrace_scope is {} (be "
                    "root, or sysctl kernel.yama.ptrace_scope=0)",
                    pid, scope));
  }
  throw std::runtime_error(fmt::format(
      "no permission to look into process {}: a container without the capability SYS_PTRACE, a "
      "program with more rights than its user, or a security module forbids it",
      pid));
}

ProcessMemory::ProcessMemory(pid_t pid, uint64_t probe) : pid_(pid) {
  char byte = 0;
  iovec here = {&byte, 1};
  iovec there = {reinterpret_cast<void*>(probe), 1};
  if (process_vm_readv(pid_, &here, 1, &there, 1, 0) == 1) return;
  if (errno == EPERM) FailForbidden(pid);
  if (errno == ESRCH) throw std::runtime_error(fmt::format("there is no process {}", pid));
  throw std::runtime_error(
      fmt::format("the memory of process {} cannot be read: {}", pid, std::strerror(errno)));
}

// A heap's tables are a few percent of it.
uint64_t ProcessMemory::size_limit() const {
  return static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) *
         static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) / 2;
}

size_t ProcessMemory::ReadMany(std::span<const MemoryPiece> pieces) const {
  std::array<iovec, kPiecesPerCall> here;
  std::array<iovec, kPiecesPerCall> there;
  size_t failed = 0;
  for (size_t begin = 0; begin < pieces.size();) {
    const size_t count = std::min(kPiecesPerCall, pieces.size() - begin);
    for (size_t i = 0; i < count; ++i) {
      const MemoryPiece& piece = pieces[begin + i];
      here[i] = {piece.to, piece.size};
      there[i] = {reinterpret_cast<void*>(piece.address), piece.size};
    }
    ssize_t got = process_vm_readv(pid_, here.data(), count, there.data(), count, 0);
    if (got < 0 && errno == ESRCH) {
      throw std::runtime_error(fmt::format("process {} has ended", pid_));
    }
    // The kernel stops at the first piece it cannot read: that one is zero, then on from the next.
    size_t whole = 0;
    for (; whole < count && got >= static_cast<ssize_t>(here[whole].iov_len); ++whole) {
      got -= static_cast<ssize_t>(here[whole].iov_len);
    }
    begin += whole;
    if (whole == count) continue;
    std::memset(pieces[begin].to, 0, pieces[begin].size);
    ++failed;
    ++begin;
  }
  return failed;
}

}  // namespace spanheap::look
