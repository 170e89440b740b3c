// SPDX-License-Identifier: MIT
#include "spanheap/look/task.h"

#include <fmt/core.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace spanheap::look {

char StateOf(pid_t task) {
  std::ifstream file(fmt::format("/proc/{}/stat", task));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  // "123 (name) T ...", where the name may hold anything.
  const size_t name_end = text.rfind(')');
  return name_end != std::string::npos && name_end + 2 < text.size() ? text[name_end + 2] : 'X';
}

pid_t TaskWithMemory(pid_t pid) {
  if (StateOf(pid) != 'Z') return pid;
  std::error_code gone;
  std::filesystem::directory_iterator tasks(fmt::format("/proc/{}/task", pid), gone);
  for (const auto& each : tasks) {
    const pid_t task = std::stoi(each.path().filename());
    const char state = StateOf(task);
    if (state != 'Z' && state != 'X') return task;
  }
  return pid;
}

}  // namespace spanheap::look
