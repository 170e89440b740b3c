// SPDX-License-Identifier: MIT
#include "os/cgroup.h"

#include <sys/sysinfo.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "os/huge_page_settings.h"
#include "os/keep_errno.h"
#include "os/limits.h"
#include "os/line_reader.h"

namespace spanheap::os {
namespace {

// What version 1 shows for "no limit" is a number near the top of the range.
constexpr uint64_t kNoLimitFrom = uint64_t{1} << 60;

// A text built from pieces; `fits` tells whether all of them did.
struct PathText {
  char* out;
  size_t size = 0;
  bool fits = true;

  void Add(const char* text, size_t n) {
    if (size + n >= CgroupMemory::kMaxPath) {
      fits = false;
      return;
    }
    memcpy(out + size, text, n);
    size += n;
    out[size] = '\0';
  }
  void Add(const char* text) { Add(text, strlen(text)); }
};

// True if `word` is one of the words of a text that commas separate.
bool HasWord(const char* list, size_t size, const char* word) {
  const size_t word_size = strlen(word);
  for (size_t at = 0; at <= size;) {
    size_t end = at;
    while (end < size && list[end] != ',') ++end;
    if (end - at == word_size && memcmp(list + at, word, word_size) == 0) return true;
    at = end + 1;
  }
  return false;
}

// "4:memory:/group" (version 1, by controller), "0::/group" (version 2): the group; null: another.
const char* GroupIn(const char* line, bool is_v2) {
  const char* controllers = strchr(line, ':');
  if (controllers == nullptr) return nullptr;
  const char* group = strchr(++controllers, ':');
  if (group == nullptr) return nullptr;
  const auto size = static_cast<size_t>(group - controllers);
  const bool fits = is_v2 ? size == 0 && line[0] == '0' : HasWord(controllers, size, "memory");
  return fits ? group + 1 : nullptr;
}

bool FindGroup(const char* root, bool is_v2, char (&group)[CgroupMemory::kMaxPath]) {
  PathText path{group};
  path.Add(root);
  path.Add("/proc/self/cgroup");
  if (!path.fits) return false;
  LineReader lines(group);
  while (const char* line = lines.Next()) {
    const char* found = GroupIn(line, is_v2);
    if (found == nullptr) continue;
    PathText copy{group};
    copy.Add(found);
    return copy.fits;
  }
  return false;
}

// The fields of a line of mountinfo that matter here; blanks in them are written \040.
struct Mount {
  const char* fields[5] = {};  // number, parent, device, root, mount point
  size_t sizes[5] = {};
  const char* type = nullptr;
  size_t type_size = 0;
  const char* options = nullptr;  // of the file system, the last field

  bool Parse(const char* line);
  bool Is(bool is_v2) const {
    const char* name = is_v2 ? "cgroup2" : "cgroup";
    if (strlen(name) != type_size || memcmp(name, type, type_size) != 0) return false;
    return is_v2 || HasWord(options, strlen(options), "memory");
  }
};

bool Mount::Parse(const char* line) {
  const char* at = line;
  for (size_t i = 0; i < 5; ++i) {
    const char* end = strchr(at, ' ');
    if (end == nullptr) return false;
    fields[i] = at;
    sizes[i] = static_cast<size_t>(end - at);
    at = end + 1;
  }
  at = strstr(at - 1, " - ");
  if (at == nullptr) return false;
  type = at + 3;
  const char* source = strchr(type, ' ');
  if (source == nullptr) return false;
  type_size = static_cast<size_t>(source - type);
  const char* rest = strchr(source + 1, ' ');
  options = rest == nullptr ? "" : rest + 1;
  return true;
}

bool IsOctal(char c) { return c >= '0' && c <= '7'; }

void AddUnescaped(PathText& path, const char* text, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    const bool is_escape = text[i] == '\\' && i + 3 < size && IsOctal(text[i + 1]) &&
                           IsOctal(text[i + 2]) && IsOctal(text[i + 3]);
    char c = text[i];
    if (is_escape) {
      c = static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + text[i + 3] - '0');
      i += 3;
    }
    path.Add(&c, 1);
  }
}

// What of the group lies below the mount: a mount may show a part of the hierarchy only. A group
// outside of that part (seen from another namespace) cannot be reached: the mount itself is taken.
const char* BelowMount(const char* group, const Mount& mount) {
  const size_t size = mount.sizes[3];
  if (size == 1) return group;  // the whole hierarchy
  if (strncmp(group, mount.fields[3], size) != 0) return "";
  return group[size] == '/' || group[size] == '\0' ? group + size : "";
}

Bytes ReadLimitFile(const char* path) {
  char text[32];
  const long size = ReadSmallFile(path, text, sizeof text);
  uint64_t value = 0;
  long i = 0;
  for (; i < size && text[i] >= '0' && text[i] <= '9'; ++i) {
    if (__builtin_mul_overflow(value, uint64_t{10}, &value)) return kUnlimited;
    value += static_cast<uint64_t>(text[i] - '0');
  }
  return i <= 0 || value >= kNoLimitFrom ? kUnlimited : Bytes(value);
}

// The file `name` of the group whose directory is the first `size` characters of `path`.
Bytes ReadAmount(char (&path)[CgroupMemory::kMaxPath], size_t size, const char* name) {
  PathText file{path, size};
  file.Add(name);
  const Bytes amount = file.fits ? ReadLimitFile(path) : kUnlimited;
  path[size] = '\0';
  return amount;
}

bool HasPressure(const char* directory) {
  char path[CgroupMemory::kMaxPath];
  PathText file{path};
  file.Add(directory);
  file.Add("/memory.pressure");
  return file.fits && ReadPressure(path);
}

}  // namespace

void CgroupMemory::Locate(const char* root, bool is_v2, Place& place) {
  place = Place();
  char group[kMaxPath];
  if (!FindGroup(root, is_v2, group)) return;
  PathText path{place.path};
  path.Add(root);
  path.Add("/proc/self/mountinfo");
  if (!path.fits) return;
  LineReader lines(place.path);
  while (const char* line = lines.Next()) {
    Mount mount;
    if (!mount.Parse(line) || !mount.Is(is_v2)) continue;
    path = PathText{place.path};
    path.Add(root);
    AddUnescaped(path, mount.fields[4], mount.sizes[4]);
    place.mount_size = path.size;
    const char* below = BelowMount(group, mount);
    if (strstr(below, "..") == nullptr && strcmp(below, "/") != 0) path.Add(below);
    if (path.fits) {
      place.file = is_v2 ? "/memory.max" : "/memory.limit_in_bytes";
      place.usage = is_v2 ? "/memory.current" : "/memory.usage_in_bytes";
    }
    return;
  }
}

void CgroupMemory::Find(const char* root) {
  KeepErrno keep;
  Locate(root, false, v1_);
  Locate(root, true, v2_);
}

GroupState CgroupMemory::ReadPlace(const Place& place, bool with_usage) {
  GroupState state{kUnlimited, kUnlimited};
  if (place.file == nullptr) return state;
  char path[kMaxPath];
  memcpy(path, place.path, sizeof path);
  for (size_t size = strlen(path);; path[size] = '\0') {
    const Bytes limit = ReadAmount(path, size, place.file);
    state.limit = std::min(state.limit, limit);
    if (with_usage && limit != kUnlimited) {
      const Bytes used = ReadAmount(path, size, place.usage);
      state.room = std::min(state.room, used < limit ? limit - used : Bytes(0));
    }
    if (size <= place.mount_size) return state;
    while (size > place.mount_size && path[size - 1] != '/') --size;
    if (size > place.mount_size) --size;  // the slash itself
  }
}

Bytes CgroupMemory::Read() const {
  KeepErrno keep;
  return std::min(ReadPlace(v1_, false).limit, ReadPlace(v2_, false).limit);
}

GroupState CgroupMemory::ReadState() const {
  KeepErrno keep;
  const GroupState older = ReadPlace(v1_, true);
  GroupState state = ReadPlace(v2_, true);
  state.limit = std::min(state.limit, older.limit);
  state.room = std::min(state.room, older.room);
  state.has_pressure = v2_.file != nullptr && HasPressure(v2_.path);
  return state;
}

Bytes PhysicalMemory() {
  KeepErrno keep;
  struct sysinfo info{};
  if (sysinfo(&info) != 0) return kUnlimited;
  return Bytes(size_t{info.totalram} * info.mem_unit);
}

}  // namespace spanheap::os
