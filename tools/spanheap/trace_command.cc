// SPDX-License-Identifier: MIT
#include "spanheap/trace_command.h"

#include <fmt/core.h>

#include <chrono>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "spanheap/interrupt.h"
#include "spanheap/look/target.h"
#include "spanheap/say.h"
#include "spanheap/tracer.h"
#include "spanheap/whole_file.h"

namespace spanheap::tools {
namespace {

constexpr int kCannotLook = 1;

// False: the process has ended.
bool LookOnce(const look::Target& target, Tracer& tracer) {
  try {
    tracer.Look(target);
    return true;
  } catch (const std::system_error&) {
    throw;  // the file cannot be written
  } catch (const std::runtime_error&) {
    if (target.IsStillThere()) throw;
    return false;
  }
}

void Follow(const look::Target& target, double seconds, Tracer& tracer) {
  const auto begin = std::chrono::steady_clock::now();
  const auto is_over = [&] {
    return seconds != 0 &&
           std::chrono::steady_clock::now() - begin >= std::chrono::duration<double>(seconds);
  };
  CatchInterrupts();
  while (!target.is_core() && !is_over() && !WasInterrupted() && target.IsStillThere() &&
         LookOnce(target, tracer)) {
    std::this_thread::sleep_for(Tracer::kInterval);
  }
}

}  // namespace

int Trace(const TraceOptions& options) {
  try {
    const look::Target target(options.target);
    RequireWritable(options.output);
    Tracer tracer(options.output);
    tracer.Look(target);
    Follow(target, options.seconds, tracer);
    if (tracer.lost() != 0) {
      Say(fmt::format("{} events were gone before they were read", tracer.lost()));
    }
    const std::string why_empty = tracer.Finish();
    if (!why_empty.empty()) throw std::runtime_error(why_empty);
    return 0;
  } catch (const std::runtime_error& error) {
    Say(error.what());
    return kCannotLook;
  }
}

}  // namespace spanheap::tools
