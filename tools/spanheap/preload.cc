// SPDX-License-Identifier: MIT
#include "spanheap/preload.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string_view>

namespace spanheap::tools {
namespace {

constexpr const char* kLibraryName = "libspanheap.so.1";
constexpr const char* kSeparators = " :\t\n";

// From the folder of this command; the first serves an installation, the others a build tree.
constexpr const char* kFolders[] = {SPANHEAP_LIBRARY_FOLDER, ".", "../lib", "../src/faces/malloc"};

std::filesystem::path LibraryBesideCommand() {
  const std::filesystem::path folder =
      std::filesystem::read_symlink("/proc/self/exe").parent_path();
  for (const char* relative : kFolders) {
    const std::filesystem::path candidate = folder / relative / kLibraryName;
    if (std::filesystem::exists(candidate)) return candidate;
  }
  throw std::runtime_error(
      fmt::format("{} is neither beside {} nor in {}; SPANHEAP_LIBRARY can name it", kLibraryName,
                  folder.string(), (folder / SPANHEAP_LIBRARY_FOLDER).lexically_normal().string()));
}

}  // namespace

std::string FindLibrary() {
  const char* named = std::getenv("SPANHEAP_LIBRARY");
  const bool is_named = named != nullptr && *named != '\0';
  const std::filesystem::path found = is_named ? named : LibraryBesideCommand();
  std::error_code error;
  const std::string path = std::filesystem::canonical(found, error).string();
  if (error) throw std::runtime_error(fmt::format("{}: {}", found.string(), error.message()));
  if (path.find_first_of(kSeparators) != std::string::npos) {
    throw std::runtime_error(
        fmt::format("{}: the dynamic linker preloads no path with spaces or colons", path));
  }
  return path;
}

std::string PrependPreload(const std::string& library, const std::string& list) {
  std::string result = library;
  for (size_t start = 0; start < list.size();) {
    const size_t end = std::min(list.find_first_of(kSeparators, start), list.size());
    const std::string entry = list.substr(start, end - start);
    if (!entry.empty() && entry != library) result += ":" + entry;
    start = end + 1;
  }
  return result;
}

std::string AppendOptions(const std::string& present, const std::vector<std::string>& options) {
  std::string result = present;
  for (const std::string& option : options) {
    if (!result.empty()) result += "\n";  // ends a comment as well
    result += option;
  }
  return result;
}

std::string ValueOfOption(const std::string& settings, const std::string& name) {
  constexpr const char* kBetween = ", \t\r\n";
  const std::string prefix = name + "=";
  std::string value;
  for (size_t at = 0; (at = settings.find_first_not_of(kBetween, at)) != std::string::npos;) {
    const bool is_comment = settings[at] == '#';
    const size_t end = is_comment ? settings.find('\n', at) : settings.find_first_of(kBetween, at);
    const std::string setting = settings.substr(at, end == std::string::npos ? end : end - at);
    if (setting.starts_with(prefix)) value = setting.substr(prefix.size());
    at = end;
    if (end == std::string::npos) break;
  }
  return value;
}

std::vector<std::string> Environment(const std::vector<std::string>& changes) {
  const auto name_of = [](std::string_view entry) { return entry.substr(0, entry.find('=')); };
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const bool is_replaced = std::any_of(changes.begin(), changes.end(), [&](const auto& change) {
      return name_of(change) == name_of(*entry);
    });
    if (!is_replaced) result.emplace_back(*entry);
  }
  result.insert(result.end(), changes.begin(), changes.end());
  return result;
}

}  // namespace spanheap::tools
