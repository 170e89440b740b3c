// SPDX-License-Identifier: MIT
//
// spanheap-pages: the page layer by script (script_runner.h has the language).
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <string>
#include <string_view>

#include "pages/driver/random_script.h"
#include "pages/driver/script_runner.h"

namespace {

using namespace spanheap::script;

constexpr const char* kHelp =
    R"(usage: spanheap-pages [--go-compatible | --twin] [--random SEED N]

Reads commands from standard input, one a line, and prints what each answers.

  --go-compatible  bitmaps under five levels of summaries, plain first fit: the answers of the Go
                   runtime's page allocator (this is the default)
  --twin           the page heap of Go 1.8: free runs in lists by length, best fit
  --random SEED N  print a random script of N lines instead; its frees suit the strategy named
                   beside it

  chunk <i> [alloc <start>+<n> ...] [scav <start>+<n> ...]        ok
      grow chunk i (0..2097151) with these of its 512 pages in use, these given back to the OS;
      a page that is both is in use only
  alloc <n>                take n pages                           page <p> scav <k>, or fail
  alloc_aligned <n> <a>    the same; p is a multiple of a, a     page <p> scav <k>, or fail
                           power of two. (Go has none.)
  free <p> <n>             pages p..p+n-1, all in use             ok
  take <id>                fill an empty page cache               cache <base page> <free hex16>
                                                                  <scav hex16>, or fail
  cache_alloc <id> <n>     take n pages from a cache              page <p> scav <k>, or fail
  flush <id>               give back what the cache holds         ok
  scavenge <pages|all>     give free pages back to the OS         released <pages>
  dump                     bitmaps, a line for each chunk         chunk <i> <8 words> / <8 words>
  summary <level> <index>  level 0 (16 GiB) to 4 (4 MiB)          <start> <max> <end>
  in_use                   the grown chunks                       [lo,hi) ...
  verify                   check every invariant                  ok

Pages are numbered <chunk>*512+<page in chunk>. Blank lines and lines that begin with # are passed
over. A line that makes no sense ends the run with exit code 2; what cannot be read or written ends
it with 1.
)";

struct Options {
  bool twin = false;
  bool is_random = false;
  uint64_t seed = 0;
  uint64_t lines = 0;
};

[[noreturn]] void Fail(int code, const std::string& message) {
  const std::string line = "spanheap-pages: " + message + '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);
  std::exit(code);
}

[[noreturn]] void FailToWrite() {
  Fail(1, std::string("cannot write to standard output: ") + std::strerror(errno));
}

void Flush() {
  if (std::fflush(stdout) != 0) FailToWrite();
}

// What stdio lost once it does not report again, so each call is looked at.
void Write(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) FailToWrite();
}

[[noreturn]] void Die(const std::string& message) {
  std::fflush(stdout);  // the answers before it; the message counts for more than their loss
  Fail(2, message);
}

uint64_t NumberArgument(std::string_view text) {
  uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (stop != end || error != std::errc()) {
    Die("expected a number, not '" + std::string(text) + "'");
  }
  return value;
}

Options ReadOptions(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--help" || name == "-h") {
      Write(kHelp);
      Flush();
      std::exit(0);
    }
    if (name == "--go-compatible") {
      options.twin = false;
    } else if (name == "--twin") {
      options.twin = true;
    } else if (name == "--random") {
      if (i + 2 >= argc) Die("expected SEED and N after --random");
      options.is_random = true;
      options.seed = NumberArgument(argv[++i]);
      options.lines = NumberArgument(argv[++i]);
    } else {
      Die("expected --go-compatible, --twin, --random or --help, not '" + name + "'");
    }
  }
  return options;
}

void RunScript(Machine& machine) {
  std::string line;
  for (uint64_t number = 1; std::getline(std::cin, line); ++number) {
    try {
      Write(RunLine(machine, line));
    } catch (const ScriptError& error) {
      Die("line " + std::to_string(number) + ": expected " + error.what());
    }
    // Whoever writes the script line by line waits for the answer.
    if (std::cin.rdbuf()->in_avail() <= 0) Flush();
  }
  if (std::cin.bad()) Fail(1, "cannot read standard input");
}

}  // namespace

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  const Options options = ReadOptions(argc, argv);
  const std::unique_ptr<Machine> machine =
      options.twin ? MakeFreeListMachine() : MakeBitmapMachine();
  if (options.is_random) {
    WriteRandomScript(*machine, options.seed, options.lines,
                      [](const std::string& line) { Write(line + '\n'); });
  } else {
    RunScript(*machine);
  }
  Flush();
  return 0;
}
