// SPDX-License-Identifier: MIT
#include "spanheap/explain_command.h"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <stdexcept>

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

// One view over the other, until the process ends or the user has had enough.
int Watch(const look::Target& target, const ExplainOptions& options,
          const look::LookOptions& look_options) {
  CatchInterrupts();
  const bool is_terminal = isatty(STDOUT_FILENO) != 0;
  const timespec pause = {static_cast<time_t>(options.seconds),
                          static_cast<long>(std::fmod(options.seconds, 1) * 1e9)};
  while (!WasInterrupted()) {
    const std::string text = Render(target.Take(look_options), options, RowsThatFit());
    // Home, the text, and away with what is left of the view before.
    Print(fmt::format("{}{}{}", is_terminal ? "\x1b[H\x1b[2J" : "", text, is_terminal ? "" : "\n"));
    nanosleep(&pause, nullptr);
  }
  return 0;
}

}  // namespace

int Explain(const ExplainOptions& options) {
  try {
    const look::Target target(options.target);
    if (options.watches && target.is_core()) {
      throw std::runtime_error("a core file does not change: there is nothing to watch");
    }
    look::LookOptions look_options;
    look_options.stops = options.stops;
    if (options.watches) return Watch(target, options, look_options);
    Print(Render(target.Take(look_options), options, 0));
    return 0;
  } catch (const std::runtime_error& error) {
    Say(error.what());
    return kCannotLook;
  }
}

}  // namespace spanheap::tools
