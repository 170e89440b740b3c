// SPDX-License-Identifier: MIT
//
// The `spanheap` command: its sub-commands and their options. Every failure is one line on stderr
// that begins with "spanheap:".
#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <climits>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include "spanheap/explain_command.h"
#include "spanheap/run_command.h"
#include "spanheap/say.h"
#include "spanheap/trace_command.h"
#include "spanheap/view_command.h"

namespace spanheap::tools {
namespace {

constexpr int kUsageError = 2;

// The caller's words, parted at the first "--": what follows belongs to the program.
struct Words {
  std::vector<std::string> ours;
  std::vector<std::string> program;
};

Words PartWords(int count, char** words) {
  const std::vector<std::string> all(words + 1, words + count);
  const auto border = std::find(all.begin(), all.end(), "--");
  return {{all.begin(), border}, {border, all.end()}};
}

// The program may also follow the options directly; a "--" after its name is its own.
std::vector<std::string> JoinCommand(const std::vector<std::string>& direct, const Words& words) {
  std::vector<std::string> command = direct;
  const size_t passed_over = direct.empty() && !words.program.empty() ? 1 : 0;
  command.insert(command.end(), words.program.begin() + static_cast<long>(passed_over),
                 words.program.end());
  return command;
}

// A file's name: a variable of a script that was never set is none.
const CLI::Validator kNotEmpty(
    [](const std::string& text) { return text.empty() ? "the name is empty" : ""; }, "");

const CLI::Validator kIsSetting(
    [](const std::string& text) {
      return IsSetting(text) ? "" : text + ": expected key=value without commas or spaces";
    },
    "");

// "nan" is in every range.
const CLI::Validator kIsFinite(
    [](const std::string& text) {
      return std::isfinite(std::strtod(text.c_str(), nullptr)) ? "" : text + " is no number";
    },
    "");

void DescribeRun(CLI::App& run, RunOptions& options) {
  run.prefix_command();
  run.footer("After the options: [--] program [arguments ...]");
  run.add_flag("--stats", options.stats, "Show the heap report on stderr when the program ends");
  run.add_option("--json", options.json_path, "Keep the heap report in this file")
      ->type_name("FILE")
      ->check(kNotEmpty);
  run.add_option("--set", options.settings, "Set an option of the heap; may be repeated")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false)
      ->check(kIsSetting);
  run.add_flag(
      "--check", options.check,
      "Say on stderr whether the preload took effect; exit code 125 if that is not proven");
  CLI::Option* const record =
      run.add_option("--record", options.record_path,
                     "Look at the program again and again; what was seen goes to this file")
          ->type_name("FILE")
          ->check(kNotEmpty);
  run.add_option("--trace", options.trace_path,
                 "Write down what the program's collector does, as spanheap trace does")
      ->type_name("FILE")
      ->check(kNotEmpty);
  run.add_option("--interval", options.interval_ms, "Milliseconds between two looks (100)")
      ->type_name("MS")
      ->check(CLI::Range(1, 3600000))
      ->needs(record);
  run.add_flag("--force", options.force, "Run even a program that cannot take the preload");
}

void DescribeExplain(CLI::App& explain, ExplainOptions& options) {
  explain.add_option("target", options.target, "A process id, or a core file")
      ->required()
      ->type_name("PID|CORE");
  explain.add_flag("--stop", options.stops,
                   "Hold the process still for the moment: exact to the byte");
  CLI::Option* const json =
      explain.add_flag("--json", options.as_json, "For programs; one object on stdout");
  explain.add_option("--class", options.block_bytes, "The spans of this block size, one by one")
      ->type_name("BYTES")
      ->check(CLI::Range(1, INT_MAX))
      ->excludes(json);
  explain.add_option("--every", options.seconds, "Seconds between two views")
      ->type_name("SECONDS")
      ->check(kIsFinite)
      ->check(CLI::Range(0.05, 3600.0));
}

void DescribeView(CLI::App& view, ViewOptions& options) {
  view.add_option("target", options.target,
                  "A process id, a core file, or what run --record has written")
      ->required()
      ->type_name("PID|CORE|RECORD");
  view.add_option("-o,--output", options.output, "The page to write")
      ->required()
      ->type_name("FILE")
      ->check(kNotEmpty);
  view.add_flag("--stop", options.stops, "Hold the process still for the moment");
}

void DescribeTrace(CLI::App& trace, TraceOptions& options) {
  trace.add_option("target", options.target, "A process id, or a core file")
      ->required()
      ->type_name("PID|CORE");
  trace.add_option("-o,--output", options.output, "JSON for Perfetto and Chrome's tracing")
      ->required()
      ->type_name("FILE")
      ->check(kNotEmpty);
  trace.add_option("--for", options.seconds, "How long; otherwise until the process ends")
      ->type_name("SECONDS")
      ->check(kIsFinite)
      ->check(CLI::Range(0.01, 1e9));
}

std::string Complaint(const CLI::App& app, const std::string& first, const std::string& error) {
  if (first.empty() || first.starts_with("-")) return error;
  const auto is_first = [&](const CLI::App* command) { return command->get_name() == first; };
  return app.get_subcommands(is_first).empty() ? first + " is not a command" : error;
}

// Where one of these is closed, the next file that is opened would take its place, and what is said
// would go into it. A program that is run finds them closed as before.
void HoldStandardFiles() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    const char* const file = descriptor == STDIN_FILENO ? "/dev/null" : "/dev/full";
    if (fcntl(descriptor, F_GETFD) < 0) open(file, O_RDWR | O_CLOEXEC);
  }
}

int Main(int count, char** arguments) {
  Words words = PartWords(count, arguments);
  CLI::App app("Runs programs on the spanheap memory manager.", "spanheap");
  app.set_version_flag("--version", "spanheap " SPANHEAP_VERSION_TEXT);
  app.require_subcommand(1);
  RunOptions options;
  CLI::App& run = *app.add_subcommand("run", "Run a program with its malloc replaced");
  DescribeRun(run, options);
  ExplainOptions explain_options;
  CLI::App& explain = *app.add_subcommand("explain", "Say where a process's memory is");
  DescribeExplain(explain, explain_options);
  CLI::Option* const watch =
      explain.add_flag("--watch", explain_options.watches, "Show it again and again");
  explain.get_option("--every")->needs(watch);
  CLI::App& top = *app.add_subcommand("top", "The same as explain --watch");
  DescribeExplain(top, explain_options);
  ViewOptions view_options;
  CLI::App& view = *app.add_subcommand("view", "Draw it: one page that opens in a browser");
  DescribeView(view, view_options);
  TraceOptions trace_options;
  CLI::App& trace = *app.add_subcommand("trace", "Write down what its collector does, as it goes");
  DescribeTrace(trace, trace_options);
  const std::string first = words.ours.empty() ? "" : words.ours.front();
  std::reverse(words.ours.begin(), words.ours.end());  // the order CLI11 takes from a vector
  try {
    app.parse(words.ours);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    Say(Complaint(app, first, error.what()) + " (spanheap --help tells more)");
    return kUsageError;
  }
  if (top.parsed()) explain_options.watches = true;
  if (explain.parsed() || top.parsed()) return Explain(explain_options);
  if (view.parsed()) return View(view_options);
  if (trace.parsed()) return Trace(trace_options);
  options.command = JoinCommand(run.remaining(), words);
  if (!options.command.empty() && !options.command.front().starts_with("-")) {
    return RunProgram(options);
  }
  Say("run: " + (options.command.empty() ? std::string("no program is named")
                                         : options.command.front() + " is not an option"));
  return kUsageError;
}

}  // namespace
}  // namespace spanheap::tools

int main(int count, char** arguments) {
  spanheap::tools::HoldStandardFiles();
  try {
    return spanheap::tools::Main(count, arguments);
  } catch (const std::exception& error) {
    spanheap::tools::Say(error.what());
    return spanheap::tools::kLaunchFailed;
  }
}
