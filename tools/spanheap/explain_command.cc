// SPDX-License-Identifier: MIT
#include "spanheap/explain_command.h"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include "spanheap/interrupt.h"
#include "spanheap/look/look_json.h"
#include "spanheap/look/look_text.h"
#include "spanheap/look/target.h"
#include "spanheap/say.h"

namespace spanheap::tools {
namespace {

constexpr int kCannotLook = 1;
// Lines of a view beside those of classes and threads.
constexpr int kOtherLines = 40;
// How long a program may take from its start to its first allocation.
constexpr timespec kBetweenTries = {0, 50'000'000};
constexpr unsigned kMostTries = 20;

struct Gone : std::runtime_error {
  Gone() : std::runtime_error("the process has ended, or has become another program") {}
};

std::string Render(const look::Look& seen, const ExplainOptions& options, size_t rows) {
  // The kernel cuts names in the middle of a character.
  constexpr auto kReplace = nlohmann::json::error_handler_t::replace;
  if (options.as_json) return look::LookToJson(seen).dump(2, ' ', false, kReplace) + "\n";
  if (options.block_bytes != 0) return look::RenderClass(seen, options.block_bytes);
  return look::RenderLook(seen, rows);
}

void Print(const std::string& text) {
  const bool is_whole = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if (std::fflush(stdout) != 0 || !is_whole) throw std::runtime_error("stdout cannot be written");
}

// Classes and threads that fit a terminal's window.
size_t RowsThatFit() {
  winsize window = {};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_row == 0) return 0;
  return static_cast<size_t>(std::max(4, (window.ws_row - kOtherLines) / 2));
}

// What was seen, and that it was seen of the target's heap: not while that made way for another
// program.
look::Look TakeWhole(const look::Target& target, const look::LookOptions& look_options) {
  std::optional<look::Look> seen;
  try {
    seen = target.Take(look_options);
  } catch (const std::runtime_error&) {
    if (target.IsStillThere()) throw;
  }
  if (seen && target.IsStillThere()) return std::move(*seen);
  throw Gone();
}

// The same process with the program that it has become, once that has begun its heap.
std::unique_ptr<look::Target> OpenAgain(const ExplainOptions& options) {
  for (unsigned i = 0;; ++i) {
    try {
      auto target = std::make_unique<look::Target>(options.target);
      if (target->IsStillThere()) {
        Say(fmt::format("{} is another program now", target->source()));
        return target;
      }
    } catch (const std::runtime_error&) {
      if (i >= kMostTries || WasInterrupted()) throw;
    }
    nanosleep(&kBetweenTries, nullptr);
  }
}

// One view over the other, until the process ends or the user has had enough.
int Watch(std::unique_ptr<look::Target> target, const ExplainOptions& options,
          const look::LookOptions& look_options) {
  CatchInterrupts();
  const bool is_terminal = isatty(STDOUT_FILENO) != 0;
  const timespec pause = {static_cast<time_t>(options.seconds),
                          static_cast<long>(std::fmod(options.seconds, 1) * 1e9)};
  while (!WasInterrupted()) {
    std::string text;
    try {
      text = Render(TakeWhole(*target, look_options), options, RowsThatFit());
    } catch (const Gone&) {
      target = OpenAgain(options);
      continue;
    }
    // Home, the text, and away with what is left of the view before.
    Print(fmt::format("{}{}{}", is_terminal ? "\x1b[H\x1b[2J" : "", text, is_terminal ? "" : "\n"));
    nanosleep(&pause, nullptr);
  }
  return 0;
}

}  // namespace

int Explain(const ExplainOptions& options) {
  try {
    auto target = std::make_unique<look::Target>(options.target);
    if (options.watches && target->is_core()) {
      throw std::runtime_error("a core file does not change: there is nothing to watch");
    }
    look::LookOptions look_options;
    look_options.stops = options.stops;
    if (options.watches) return Watch(std::move(target), options, look_options);
    Print(Render(TakeWhole(*target, look_options), options, 0));
    return 0;
  } catch (const std::runtime_error& error) {
    Say(error.what());
    return kCannotLook;
  }
}

}  // namespace spanheap::tools
