// SPDX-License-Identifier: MIT
#include "spanheap/tracer.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>

namespace spanheap::tools {
namespace {

using look::Event;
using look::EventKind;
using Json = nlohmann::json;

double Microseconds(uint64_t ns) { return static_cast<double>(ns) / 1000; }

// What stands in the timeline, and what its number means there.
struct Shape {
  std::string name;
  const char* value;
};

Shape ShapeOf(const Event& event) {
  switch (event.kind) {
    case EventKind::kCycle:
      return {fmt::format("cycle {}", event.value), "number"};
    case EventKind::kStop:
      return {event.value == 1 ? "stop before marking" : "stop after marking", "stop"};
    case EventKind::kMark:
      return {"mark", "scanned_bytes"};
    case EventKind::kSweep:
      return {"sweep", "pages"};
    case EventKind::kAssist:
      return {"assist", "bytes"};
    case EventKind::kWorker:
      return {"worker", "bytes"};
    case EventKind::kLive:
      return {"collected heap", "live_bytes"};
    case EventKind::kGoal:
      return {"goal", "goal_bytes"};
  }
  return {fmt::format("event {}", static_cast<unsigned>(event.kind)), "value"};
}

bool IsCounter(EventKind kind) { return kind == EventKind::kLive || kind == EventKind::kGoal; }

Json EventToJson(const Event& event, pid_t pid) {
  const Shape shape = ShapeOf(event);
  Json json = {{"name", shape.name}, {"cat", "gc"}, {"pid", pid}, {"tid", event.thread}};
  json["ph"] = IsCounter(event.kind) ? "C" : "X";
  json["ts"] = Microseconds(event.begin_ns);
  if (!IsCounter(event.kind)) json["dur"] = Microseconds(event.length_ns);
  json["args"] = {{shape.value, event.value}};
  return json;
}

Json NameToJson(const char* what, pid_t pid, uint64_t thread, const std::string& name) {
  return {{"name", what}, {"ph", "M"}, {"pid", pid}, {"tid", thread}, {"args", {{"name", name}}}};
}

std::string Text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

Tracer::~Tracer() { Finish(); }

void Tracer::Create() {
  file_.emplace(path_, "{\"displayTimeUnit\": \"ms\", \"traceEvents\": [", "\n]}\n");
}

void Tracer::Start(pid_t pid) {
  pid_ = pid;
  thread_.Start(kInterval, [this] { LookAgain(); });
}

void Tracer::LookAgain() {
  if (!why_cut_.empty()) return;
  try {
    if (target_ == nullptr) target_ = std::make_unique<look::Target>(pid_);
    Look(*target_);
  } catch (const std::system_error& error) {
    reason_ = why_cut_ = error.what();
  } catch (const std::runtime_error& error) {
    reason_ = error.what();
    events_.reset();
    target_.reset();
  }
}

void Tracer::Look(const look::Target& target) {
  if (events_ == nullptr) {
    events_ = std::make_unique<look::EventReader>(target.memory(), target.root());
  }
  std::vector<Event> events;
  try {
    events = events_->ReadNew();
  } catch (const look::Damaged& damage) {
    target.FailDamaged(damage);
  }
  if (events.empty()) {
    reason_ = fmt::format("{} has made no collected objects", target.source());
    return;
  }
  if (!file_) Create();
  if (file_->is_empty()) {
    file_->Append(Text(NameToJson("process_name", target.pid(), 0, target.program())));
  }
  std::string text;
  for (const Event& event : events) {
    if (!IsCounter(event.kind) && named_.insert(event.thread).second) {
      const bool is_own = event.kind != EventKind::kAssist;
      const std::string name = is_own ? "collector" : fmt::format("thread {}", event.thread);
      text += Text(NameToJson("thread_name", target.pid(), event.thread, name)) + ",\n";
    }
    text += Text(EventToJson(event, target.pid())) + ",\n";
  }
  text.resize(text.size() - 2);
  file_->Append(text);
}

std::string Tracer::Finish() {
  thread_.Finish();
  return !file_ || file_->is_empty() ? reason_ : "";
}

}  // namespace spanheap::tools
