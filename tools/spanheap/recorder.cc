// SPDX-License-Identifier: MIT
#include "spanheap/recorder.h"

#include <algorithm>
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

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string HeadOf(unsigned interval_ms, const std::vector<std::string>& command) {
  look::Json head = {{"format", "spanheap-record"}, {"version", kVersion}};
  head["command"] = command;
  head["interval_ms"] = interval_ms;
  std::string text = head.dump(-1, ' ', false, look::Json::error_handler_t::replace);
  text.back() = ',';
  return text + "\n\"moments\": [";
}

}  // namespace

Recorder::Recorder(const std::string& path, unsigned interval_ms,
                   const std::vector<std::string>& command)
    : interval_ms_(interval_ms), file_(path, HeadOf(interval_ms, command), "\n]}\n") {}

Recorder::~Recorder() { Finish(); }

void Recorder::Start(pid_t pid) {
  pid_ = pid;
  started_ = Now();
  thread_.Start(std::chrono::milliseconds(interval_ms_), [this] { Look(); });
}

std::string Recorder::Finish() {
  thread_.Finish();
  return file_.is_empty() ? reason_ : "";
}

void Recorder::Look() {
  if (!why_cut_.empty()) return;
  try {
    if (target_ == nullptr || !target_->IsStillThere()) {
      target_ = std::make_unique<look::Target>(pid_);
    }
    look::LookOptions options;
    options.reads_mappings = false;
    options.readings = 1;
    options.longest_s = std::min(options.longest_s, interval_ms_ / 4e3);
    const double at = Now() - started_;
    const look::Look seen = target_->Take(options);
    look::Json moment = {{"time_ms", std::round(at * 1000)}};
    moment["process_resident_bytes"] = look::ResidentOf(pid_);
    const uint64_t group = look::MemoryLimitOf(pid_);
    const uint64_t own = std::min(seen.image.limits.limit, seen.image.limits.ceiling);
    moment["limit_bytes"] =
        group == 0 && own == look::LimitImage::kNone ? 0 : std::min(group == 0 ? own : group, own);
    moment.update(look::MomentToJson(seen));
    file_.Append(moment.dump());
  } catch (const std::system_error& error) {
    reason_ = why_cut_ = error.what();
  } catch (const std::runtime_error& error) {
    reason_ = error.what();
    target_.reset();
  }
}

}  // namespace spanheap::tools
