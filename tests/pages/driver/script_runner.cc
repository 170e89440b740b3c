// SPDX-License-Identifier: MIT
#include "pages/driver/script_runner.h"

#include <bit>
#include <charconv>
#include <cstdio>
#include <functional>
#include <map>
#include <vector>

#include "layout/geometry.h"
#include "pages/summary_tree.h"

namespace spanheap::script {
namespace {

using Words = std::vector<std::string_view>;

Words Split(std::string_view line) {
  constexpr std::string_view kSpaces = " \t\r\v\f";
  Words words;
  for (size_t at = line.find_first_not_of(kSpaces); at != std::string_view::npos;) {
    const size_t end = line.find_first_of(kSpaces, at);
    words.push_back(line.substr(at, end - at));
    at = line.find_first_not_of(kSpaces, end);
  }
  return words;
}

// A word as messages show it: its beginning, if it is long.
std::string Quoted(std::string_view word) {
  constexpr size_t kMost = 60;
  const bool is_long = word.size() > kMost;
  return "'" + std::string(word.substr(0, kMost)) + (is_long ? "..." : "") + "'";
}

uint64_t Number(std::string_view word, const char* what) {
  uint64_t value = 0;
  const char* const end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data(), end, value);
  if (word.empty() || stop != end || error != std::errc()) {
    throw ScriptError(std::string(what) + " (a decimal number), not " + Quoted(word));
  }
  return value;
}

uint64_t AtLeastOne(std::string_view word, const char* what) {
  const uint64_t n = Number(word, what);
  if (n == 0) throw ScriptError(std::string(what) + " of at least 1");
  return n;
}

void ExpectWords(const Words& words, size_t count, const char* form) {
  if (words.size() != count) throw ScriptError(std::string("'") + form + "'");
}

std::string Format(const char* format, auto... values) {
  char text[400];
  const int size = std::snprintf(text, sizeof text, format, values...);
  return std::string(text, static_cast<size_t>(size));
}

using Ull = unsigned long long;

std::string Answer(const std::optional<Taken>& taken) {
  if (!taken) return "fail\n";
  return Format("page %llu scav %llu\n", Ull{taken->page}, Ull{taken->scavenged});
}

void SetPages(PageBitmap& bits, std::string_view word) {
  const size_t plus = word.find('+');
  if (plus == std::string_view::npos) {
    throw ScriptError("<start>+<n>, not " + Quoted(word));
  }
  const uint64_t start = Number(word.substr(0, plus), "a start page");
  const uint64_t n = Number(word.substr(plus + 1), "a page count");
  if (start >= PageBitmap::kBits || n > PageBitmap::kBits - start) {
    throw ScriptError("pages below 512, not " + Quoted(word));
  }
  bits.SetRange(static_cast<unsigned>(start), static_cast<unsigned>(n));
}

std::string DoChunk(Machine& machine, const Words& words) {
  if (words.size() < 2) throw ScriptError("'chunk <i> [alloc <start>+<n> ...] [scav ...]'");
  const uint64_t chunk = Number(words[1], "a chunk");
  if (chunk > kMaxChunk) throw ScriptError("a chunk of at most " + std::to_string(kMaxChunk));
  PageBitmap used;
  PageBitmap scavenged;
  PageBitmap* bits = nullptr;
  for (size_t i = 2; i < words.size(); ++i) {
    if (words[i] == "alloc" || words[i] == "scav") {
      bits = words[i] == "alloc" ? &used : &scavenged;
      const bool has_pages = i + 1 < words.size() && words[i + 1].find('+') != words[i].npos;
      if (!has_pages) throw ScriptError("<start>+<n> after '" + std::string(words[i]) + "'");
    } else if (bits == nullptr) {
      throw ScriptError("'alloc' or 'scav', not " + Quoted(words[i]));
    } else {
      SetPages(*bits, words[i]);
    }
  }
  machine.Chunk(chunk, used, scavenged);
  return "ok\n";
}

std::string DoAlloc(Machine& machine, const Words& words) {
  ExpectWords(words, 2, "alloc <n>");
  return Answer(machine.Allocate(AtLeastOne(words[1], "a page count")));
}

std::string DoAllocAligned(Machine& machine, const Words& words) {
  ExpectWords(words, 3, "alloc_aligned <n> <alignment>");
  const uint64_t n = AtLeastOne(words[1], "a page count");
  const uint64_t alignment = AtLeastOne(words[2], "an alignment");
  if (!std::has_single_bit(alignment) || alignment > kMaxAlignment) {
    throw ScriptError("a power of two of at most " + std::to_string(kMaxAlignment));
  }
  return Answer(machine.AllocateAligned(n, alignment));
}

std::string DoFree(Machine& machine, const Words& words) {
  ExpectWords(words, 3, "free <p> <n>");
  const uint64_t page = Number(words[1], "a page");
  machine.Free(page, AtLeastOne(words[2], "a page count"));
  return "ok\n";
}

std::string DoTake(Machine& machine, const Words& words) {
  ExpectWords(words, 2, "take <id>");
  const std::optional<Block> block = machine.Take(Number(words[1], "a cache"));
  if (!block) return "fail\n";
  return Format("cache %llu %016llx %016llx\n", Ull{block->base}, Ull{block->free},
                Ull{block->scavenged});
}

std::string DoCacheAlloc(Machine& machine, const Words& words) {
  ExpectWords(words, 3, "cache_alloc <id> <n>");
  const uint64_t cache = Number(words[1], "a cache");
  return Answer(machine.CacheAllocate(cache, AtLeastOne(words[2], "a page count")));
}

std::string DoFlush(Machine& machine, const Words& words) {
  ExpectWords(words, 2, "flush <id>");
  machine.Flush(Number(words[1], "a cache"));
  return "ok\n";
}

std::string DoScavenge(Machine& machine, const Words& words) {
  ExpectWords(words, 2, "scavenge <pages|all>");
  const uint64_t pages =
      words[1] == "all" ? ~uint64_t{0} : Number(words[1], "'all' or a page count");
  return Format("released %llu\n", Ull{machine.Scavenge(pages)});
}

std::string DoDump(Machine& machine, const Words& words) {
  ExpectWords(words, 1, "dump");
  std::string text;
  for (const ChunkBits& bits : machine.Dump()) {
    text += Format("chunk %llu", Ull{bits.chunk});
    for (const uint64_t word : bits.used.words) text += Format(" %016llx", Ull{word});
    text += " /";
    for (const uint64_t word : bits.scavenged.words) text += Format(" %016llx", Ull{word});
    text += '\n';
  }
  return text;
}

std::string DoSummary(Machine& machine, const Words& words) {
  ExpectWords(words, 3, "summary <level> <index>");
  const uint64_t level = Number(words[1], "a level");
  if (level >= kLevels) throw ScriptError("a level of at most 4");
  const uint64_t index = Number(words[2], "an index");
  if (index > kMaxChunk >> SummaryShape::kFanOutLog2 * (kLevels - 1 - level)) {
    throw ScriptError("an index that this level has");
  }
  const RunSummary s = machine.Summary(static_cast<unsigned>(level), index);
  return Format("%u %u %u\n", s.start(), s.max(), s.end());
}

std::string DoInUse(Machine& machine, const Words& words) {
  ExpectWords(words, 1, "in_use");
  std::string text;
  for (const Range& range : machine.InUse()) {
    if (!text.empty()) text += ' ';
    text += Format("[%llu,%llu)", Ull{range.begin}, Ull{range.end});
  }
  return text + '\n';
}

std::string DoVerify(Machine& machine, const Words& words) {
  ExpectWords(words, 1, "verify");
  machine.Verify();
  return "ok\n";
}

const std::map<std::string_view, std::string (*)(Machine&, const Words&)> kCommands = {
    {"chunk", DoChunk},     {"alloc", DoAlloc},       {"alloc_aligned", DoAllocAligned},
    {"free", DoFree},       {"take", DoTake},         {"cache_alloc", DoCacheAlloc},
    {"flush", DoFlush},     {"scavenge", DoScavenge}, {"dump", DoDump},
    {"summary", DoSummary}, {"in_use", DoInUse},      {"verify", DoVerify}};

}  // namespace

std::string RunLine(Machine& machine, std::string_view line) {
  const Words words = Split(line);
  if (words.empty() || words[0][0] == '#') return "";
  const auto command = kCommands.find(words[0]);
  if (command != kCommands.end()) return command->second(machine, words);
  std::string names;
  for (const auto& [name, run] : kCommands)
    names += (names.empty() ? "" : ", ") + std::string(name);
  throw ScriptError("a command (" + names + "), not " + Quoted(words[0]));
}

}  // namespace spanheap::script
