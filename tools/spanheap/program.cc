// SPDX-License-Identifier: MIT
#include "spanheap/program.h"

#include <elf.h>
#include <fmt/core.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <string_view>

#include "spanheap/elf_file.h"
#include "spanheap/mapped_file.h"

namespace spanheap::tools {
namespace {

constexpr int kCannotExecute = 126;
constexpr int kNotFound = 127;
// The kernel follows this many scripts that interpret each other.
constexpr int kMaxScriptDepth = 5;
// It reads the interpreter's name from the first bytes only.
constexpr size_t kScriptLineLimit = 256;

// Every sanitizer that replaces malloc defines its start-up function in the program itself when its
// runtime is linked statically.
constexpr std::array<std::string_view, 6> kNamesOfInterest = {
    "malloc", "__asan_init", "__hwasan_init", "__lsan_init", "__msan_init", "__tsan_init"};

bool IsRegularFile(const std::string& path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

bool IsExecutable(const std::string& path) {
  return IsRegularFile(path) && access(path.c_str(), X_OK) == 0;
}

// The first executable of that name along PATH; else the first plain file of it; else "".
std::string SearchPath(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin");
  std::string candidate_without_permission;
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string candidate = (folder.empty() ? "." : folder) + "/" + name;
    if (IsExecutable(candidate)) return candidate;
    if (candidate_without_permission.empty() && IsRegularFile(candidate)) {
      candidate_without_permission = candidate;
    }
  }
  return candidate_without_permission;
}

Program Failed(int exit_code, std::string error) {
  Program program;
  program.exit_code = exit_code;
  program.error = std::move(error);
  return program;
}

// The program named by a script's first line; a text without such a line is one for the shell.
std::string ScriptInterpreter(std::string_view bytes) {
  if (!bytes.starts_with("#!")) return "/bin/sh";
  const std::string_view head = bytes.substr(2, kScriptLineLimit);
  const std::string_view line = head.substr(0, head.find('\n'));
  const size_t start = line.find_first_not_of(" \t");
  if (start == std::string_view::npos) return "/bin/sh";
  const size_t end = line.find_first_of(" \t", start);
  return std::string(line.substr(start, end == std::string_view::npos ? end : end - start));
}

std::string WhyNoInterpreter(const std::string& name) {
  if (IsRegularFile(name)) return "is not executable";
  const bool has_return = name.ends_with('\r') && IsRegularFile(name.substr(0, name.size() - 1));
  return has_return ? "is not there: the line ends as on Windows, with a carriage return"
                    : "is not there";
}

Program FollowScripts(const std::string& path) {
  Program program;
  program.path = program.image = path;
  for (int depth = 0; depth <= kMaxScriptDepth; ++depth) {
    const MappedFile file(program.image);
    if (file.bytes().empty() && access(program.image.c_str(), R_OK) != 0) return program;
    if (file.bytes().starts_with(ELFMAG)) return program;
    if (depth == 0) program.needs_shell = !file.bytes().starts_with("#!");
    const std::string interpreter = ScriptInterpreter(file.bytes());
    if (!IsExecutable(interpreter)) {
      return Failed(IsRegularFile(interpreter) ? kCannotExecute : kNotFound,
                    fmt::format("{}: its interpreter {} {}", program.image, interpreter,
                                WhyNoInterpreter(interpreter)));
    }
    program.image = interpreter;
  }
  return Failed(kCannotExecute,
                fmt::format("{}: too many scripts that interpret each other", path));
}

bool HasNewPrivileges() { return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1; }

// Why the dynamic linker will run the program in secure mode, where it takes no preload by path;
// "" if it will not. A set-user-id bit that changes nothing, or that the mount or the process
// forbids, is none.
std::string WhySecure(const std::string& path) {
  struct stat status;
  struct statvfs mount;
  if (stat(path.c_str(), &status) != 0 || !HasNewPrivileges()) return "";
  if (statvfs(path.c_str(), &mount) == 0 && (mount.f_flag & ST_NOSUID) != 0) return "";
  if ((status.st_mode & S_ISUID) != 0 && status.st_uid != getuid()) return "it is set-user-id";
  constexpr mode_t kSetGroup = S_ISGID | S_IXGRP;
  if ((status.st_mode & kSetGroup) == kSetGroup && status.st_gid != getgid()) {
    return "it is set-group-id";
  }
  if (getuid() != 0 && getxattr(path.c_str(), "security.capability", nullptr, 0) > 0) {
    return "it has file capabilities";
  }
  return "";
}

std::string SanitizerOf(const ElfFile& program) {
  constexpr std::array<std::string_view, 5> kRuntimes = {"asan", "tsan", "msan", "lsan", "hwasan"};
  for (const std::string& library : program.needed) {
    for (const std::string_view runtime : kRuntimes) {
      if (library.starts_with(fmt::format("lib{}.so", runtime)) ||
          library.starts_with(fmt::format("libclang_rt.{}", runtime))) {
        return library;
      }
    }
  }
  for (const std::string& name : program.defined) {
    if (name != "malloc") return name;
  }
  return "";
}

std::optional<Obstacle> ObstacleInImage(const ElfFile& program, const ElfFile& library) {
  if (program.file_class != library.file_class || program.machine != library.machine) {
    return Obstacle{program.file_class == ELFCLASS32 ? "it is a 32-bit program"
                                                     : "it is for another architecture",
                    true};
  }
  if (const std::string sanitizer = SanitizerOf(program); !sanitizer.empty()) {
    return Obstacle{
        fmt::format("it is built with a sanitizer, which replaces malloc itself ({})", sanitizer),
        true};
  }
  if (program.interpreter.empty()) return Obstacle{"it is statically linked", false};
  if (program.interpreter.find("ld-linux") == std::string::npos) {
    return Obstacle{fmt::format("it uses another C library ({})", program.interpreter), true};
  }
  if (std::find(program.exported.begin(), program.exported.end(), "malloc") !=
      program.exported.end()) {
    return Obstacle{"it brings its own malloc, which comes before any preloaded one", false};
  }
  return std::nullopt;
}

}  // namespace

Program FindProgram(const std::string& name) {
  const bool is_path = name.find('/') != std::string::npos;
  const std::string path = is_path ? name : SearchPath(name);
  struct stat status;
  if (path.empty() || stat(path.c_str(), &status) != 0) {
    const bool is_absent = path.empty() || errno == ENOENT || errno == ENOTDIR;
    return Failed(
        is_absent ? kNotFound : kCannotExecute,
        fmt::format("{}: {}", name, path.empty() ? "command not found" : std::strerror(errno)));
  }
  if (S_ISDIR(status.st_mode)) {
    return Failed(kCannotExecute, fmt::format("{}: is a directory", name));
  }
  if (!IsExecutable(path)) {
    return Failed(kCannotExecute, fmt::format("{}: is not executable", path));
  }
  return FollowScripts(path);
}

std::string MissingLoaderOf(const std::string& image) {
  const auto program = ReadElfFile(image, {});
  return program && !IsRegularFile(program->interpreter) ? program->interpreter : "";
}

std::optional<Obstacle> FindObstacle(const std::string& image, const std::string& library) {
  if (const std::string why = WhySecure(image); !why.empty()) {
    return Obstacle{why + ", and the dynamic linker preloads nothing into such programs", false};
  }
  const auto library_file = ReadElfFile(library, {});
  if (!library_file) return Obstacle{fmt::format("{} is not a shared library", library), true};
  const auto program = ReadElfFile(image, kNamesOfInterest);
  // Not readable but executable: only the attempt will tell.
  if (!program) return std::nullopt;
  return ObstacleInImage(*program, *library_file);
}

}  // namespace spanheap::tools
