// SPDX-License-Identifier: MIT
#include "spanheap/look/target.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>

#include "spanheap/look/stop.h"
#include "spanheap/look/task.h"

namespace spanheap::look {
namespace {

// A reading of a running process is repeated if more of it than this contradicts itself.
constexpr uint64_t kTolerated_percent = 1;
constexpr unsigned kMostReadings = 64;

bool IsNumber(const std::string& text) {
  return !text.empty() && text.size() < 10 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string ProgramOf(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/comm", pid));
  std::string name{std::istreambuf_iterator<char>(file), {}};  // which may hold ends of lines
  if (name.ends_with('\n')) name.pop_back();
  return name;
}

double Now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

bool IsSound(const Account& account) {
  return account.unreconciled * 100 <= account.mapped * kTolerated_percent;
}

void Widen(const Account& account, std::array<Bounds, kCategories>& bounds, bool is_first) {
  for (size_t i = 0; i < kCategories; ++i) {
    const uint64_t bytes = account.categories[i].mapped;
    bounds[i].low = is_first ? bytes : std::min(bounds[i].low, bytes);
    bounds[i].high = is_first ? bytes : std::max(bounds[i].high, bytes);
  }
}

}  // namespace

Target::Target(const std::string& name) {
  std::error_code ignored;
  if (IsNumber(name) && !std::filesystem::is_regular_file(name, ignored)) {
    OpenProcess(std::stoi(name));
    return;
  }
  if (access(name.c_str(), R_OK) != 0) {
    if (errno != ENOENT && errno != ENOTDIR) {
      throw std::runtime_error(fmt::format("{}: {}", name, std::strerror(errno)));
    }
    throw std::runtime_error(fmt::format("{} is neither a process id nor a file", name));
  }
  OpenCore(name);
}

Target::Target(pid_t pid) { OpenProcess(pid); }

void Target::OpenProcess(pid_t pid) {
  pid_ = pid;
  task_ = TaskWithMemory(pid);
  const std::vector<Mapping> mappings = ReadMappingsOnly(task_);
  program_ = ProgramOf(pid);
  source_ = fmt::format("{} (process {})", program_, pid);
  const auto readable = std::find_if(mappings.begin(), mappings.end(), [](const Mapping& m) {
    return m.permissions.starts_with("r") && !m.name.starts_with("[v");
  });
  process_ = std::make_unique<ProcessMemory>(
      task_, readable != mappings.end() ? readable->start : mappings.front().start);
  root_ = std::make_unique<RootReader>(*process_, mappings, source_);
}

void Target::OpenCore(const std::string& path) {
  core_ = std::make_unique<CoreFile>(path);
  pid_ = core_->pid();
  program_ = core_->program();
  source_ = fmt::format("{} (process {}, core file {})", program_, pid_, path);
  root_ = std::make_unique<RootReader>(*core_, core_->files(), source_);
}

const Memory& Target::memory() const {
  if (core_ != nullptr) return *core_;
  return *process_;
}

Look Target::Take(const LookOptions& options) const {
  try {
    return TakeAny(options);
  } catch (const Damaged& error) {
    FailDamaged(error);
  }
}

void Target::FailDamaged(const Damaged& damage) const {
  throw std::runtime_error(fmt::format("the heap of {} is damaged: {}", source_, damage.what()));
}

Look Target::TakeAny(const LookOptions& options) const {
  std::optional<Stop> stop;
  if (options.stops && core_ == nullptr) {
    stop.emplace(pid_, [this] { return HeapReader(*process_, *root_).IsQuiet(); });
  }
  Look look = core_ != nullptr || stop.has_value() ? TakeStill(options) : TakeMoving(options);
  look.was_stopped = stop.has_value();
  return look;
}

bool Target::IsStillThere() const {
  try {
    return core_ != nullptr || root_->Value("started") == 1;
  } catch (const std::runtime_error&) {
    return false;
  }
}

Look Target::TakeStill(const LookOptions& options) const {
  Look look;
  ReadOnce(options, look);
  Widen(look.account, look.bounds, true);
  return look;
}

// As many readings as wanted, and more for a while if they contradict themselves; the soundest
// counts. The busier the heap, the luckier a reading must be: one that is damaged does not count.
Look Target::TakeMoving(const LookOptions& options) const {
  std::optional<Look> best;
  std::array<Bounds, kCategories> bounds;
  const double begin = Now();
  for (unsigned i = 0;; ++i) {
    const bool is_enough = i >= options.readings;
    const bool is_last = i >= kMostReadings || (is_enough && Now() - begin > options.longest_s);
    if (best && is_enough && (is_last || IsSound(best->account))) break;
    try {
      Look look;
      ReadOnce(options, look);
      Widen(look.account, bounds, !best);
      if (!best || look.account.unreconciled <= best->account.unreconciled) best = std::move(look);
    } catch (const Damaged&) {
      if (is_last) throw;
    }
  }
  best->bounds = bounds;
  return std::move(*best);
}

void Target::ReadOnce(const LookOptions& options, Look& look) const {
  const bool is_alive = core_ == nullptr;
  look.source = source_;
  look.program = program_;
  look.library = root_->library_version();
  look.pid = pid_;
  look.is_core = !is_alive;
  look.seconds = Now();
  look.image = HeapReader(memory(), *root_).Read();
  if (is_alive) look.locked = LockedMemoryOf(task_);
  look.map = std::make_unique<HeapMap>(look.image);
  if (is_alive && options.reads_residency) {
    look.residency = Residency(task_, HeapStretches(look.image));
  }
  look.account = MakeAccount(look.image, *look.map, look.residency);
  if (!options.reads_mappings) return;
  if (is_alive) {
    AddMappings(look.image, ReadMappings(task_), ReadStackPointers(pid_), look.residency,
                look.account);
  } else {
    AddMappings(look.image, core_->mappings(), core_->stack_pointers(), look.residency,
                look.account);
  }
}

uint64_t ResidentOf(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/statm", TaskWithMemory(pid)));
  uint64_t size = 0;
  uint64_t resident = 0;
  file >> size >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace spanheap::look
