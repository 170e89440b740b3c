// SPDX-License-Identifier: MIT
#include "spanheap/recorder.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <stdexcept>
#include <system_error>

#include "spanheap/look/look_json.h"
#include "spanheap/look/memory_limit.h"
#include "spanheap/look/target.h"

namespace spanheap::tools {
namespace {

constexpr unsigned kVersion = 1;
constexpr char kTail[] = "\n]}\n";
// A look takes at most one part in so many of the time.
constexpr int kShare = 10;

using Clock = std::chrono::steady_clock;

double Seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }
double Now() { return Seconds(Clock::now().time_since_epoch()); }

void WriteAt(int file, off_t offset, const std::string& text) {
  if (pwrite(file, text.data(), text.size(), offset) != static_cast<ssize_t>(text.size())) {
    throw std::system_error(errno, std::generic_category(), "the record cannot be written");
  }
}

}  // namespace

Recorder::Recorder(const std::string& path, unsigned interval_ms,
                   const std::vector<std::string>& command)
    : interval_ms_(interval_ms) {
  file_ = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file_ < 0) throw std::system_error(errno, std::generic_category(), path);
  look::Json head = {{"format", "spanheap-record"}, {"version", kVersion}};
  head["command"] = command;
  head["interval_ms"] = interval_ms;
  std::string text = head.dump(-1, ' ', false, look::Json::error_handler_t::replace);
  text.back() = ',';
  text += "\n\"moments\": [";
  WriteAt(file_, 0, text + kTail);
  end_ = static_cast<off_t>(text.size());
}

Recorder::~Recorder() {
  Finish();
  close(file_);
}

void Recorder::Start(pid_t pid) {
  pid_ = pid;
  started_ = Now();
  thread_ = std::thread([this] { Work(); });
}

std::string Recorder::Finish() {
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  return moments_ == 0 ? reason_ : "";
}

void Recorder::Work() {
  std::unique_lock lock(mutex_);
  while (!is_over_) {
    lock.unlock();
    const auto begin = Clock::now();
    Look();
    const auto taken = Clock::now() - begin;
    lock.lock();
    const auto interval = std::chrono::milliseconds(interval_ms_);
    changed_.wait_until(lock, begin + std::max<Clock::duration>(interval, taken * kShare),
                        [this] { return is_over_; });
  }
}

bool Recorder::Look() {
  try {
    if (target_ == nullptr || !target_->IsStillThere()) {
      target_ = std::make_unique<look::Target>(pid_);
    }
    look::LookOptions options;
    options.reads_mappings = false;
    options.readings = 1;
    const double at = Now() - started_;
    const look::Look seen = target_->Take(options);
    look::Json moment = {{"time_ms", std::round(at * 1000)}};
    moment["process_resident_bytes"] = look::ResidentOf(pid_);
    const uint64_t group = look::MemoryLimitOf(pid_);
    const uint64_t own = std::min(seen.image.limits.target, seen.image.limits.ceiling);
    moment["limit_bytes"] =
        group == 0 && own == look::LimitImage::kNone ? 0 : std::min(group == 0 ? own : group, own);
    moment.update(look::MomentToJson(seen));
    Append(moment.dump());
    return true;
  } catch (const std::system_error& error) {
    reason_ = error.what();
  } catch (const std::runtime_error& error) {
    reason_ = error.what();
    target_.reset();
  }
  return false;
}

void Recorder::Append(const std::string& moment) {
  const std::string text = (moments_ == 0 ? "\n" : ",\n") + moment;
  WriteAt(file_, end_, text + kTail);
  end_ += static_cast<off_t>(text.size());
  ++moments_;
}

}  // namespace spanheap::tools
