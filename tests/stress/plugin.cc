// SPDX-License-Identifier: MIT
//
// A plug-in as programs load them: it allocates while it is loaded, in a constructor, in
// thread_local data of every thread that calls it, and in its destructor while it is unloaded.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace {

struct Registry {
  std::map<std::string, std::vector<uint64_t>> entries;
  Registry() {
    for (int i = 0; i < 40; ++i) entries["entry number " + std::to_string(i)].assign(i * 7, i);
  }
  ~Registry() {
    std::vector<std::string> names;
    for (const auto& [name, values] : entries)
      names.push_back(name + "/" + std::to_string(values.size()));
    entries.clear();
  }
};
Registry registry;

struct PerThread {
  std::vector<std::string> lines;
  ~PerThread() { lines.push_back(std::string(300, 'e')); }
};
thread_local PerThread per_thread;

}  // namespace

// Leaves some data with the calling thread; returns a sum that the caller can foretell.
extern "C" uint64_t plugin_work(uint64_t rounds) {
  uint64_t sum = 0;
  for (uint64_t i = 0; i < rounds; ++i) {
    std::string text(i * 13 % 500, 'p');
    sum += text.size() + registry.entries.size();
    per_thread.lines.push_back(std::move(text));
    if (per_thread.lines.size() > 50) per_thread.lines.clear();
  }
  return sum;
}
