// SPDX-License-Identifier: MIT
//
// The command line described in row.h.
#include "bench/harness/row.h"

#include <sched.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "bench/harness/mapped_array.h"

namespace spanheap::bench {
namespace {

using Groups = std::span<const std::span<const Row>>;

struct Command {
  enum class Verb { kNone, kList, kRow, kCeiling, kWarm };
  Verb verb = Verb::kNone;
  const char* argument = nullptr;
  Plan plan;
  int cpu = -1;
};

const char* KindName(Kind kind) {
  switch (kind) {
    case Kind::kTime:
      return "time";
    case Kind::kDensity:
      return "density";
    case Kind::kMemory:
      return "memory";
    case Kind::kStartup:
      return "startup";
  }
  return "?";
}

int Usage(const char* program) {
  std::fprintf(stderr,
               "usage: %s --list | --row NAME | --ceiling NAME | --warm MIB\n"
               "       [--reps 1..%d] [--ms MILLISECONDS] [--cpu N]\n",
               program, kMaxRepetitions);
  return 2;
}

bool SetVerb(Command& command, const char* name, const char* argument) {
  using Verb = Command::Verb;
  Verb verb = Verb::kNone;
  if (std::strcmp(name, "--row") == 0) verb = Verb::kRow;
  if (std::strcmp(name, "--ceiling") == 0) verb = Verb::kCeiling;
  if (std::strcmp(name, "--warm") == 0) verb = Verb::kWarm;
  if (verb == Verb::kNone) return false;
  command.verb = verb;
  command.argument = argument;
  return true;
}

bool SetOption(Command& command, const char* name, const char* value) {
  if (std::strcmp(name, "--reps") == 0) {
    command.plan.repetitions = std::atoi(value);
    return command.plan.repetitions >= 1 && command.plan.repetitions <= kMaxRepetitions;
  }
  if (std::strcmp(name, "--ms") == 0) {
    command.plan.repetition_ms = std::atof(value);
    return command.plan.repetition_ms > 0;
  }
  if (std::strcmp(name, "--cpu") == 0) {
    command.cpu = std::atoi(value);
    return command.cpu >= 0;
  }
  return SetVerb(command, name, value);
}

bool Parse(Command& command, int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--list") == 0) {
      command.verb = Command::Verb::kList;
    } else if (i + 1 >= argc || !SetOption(command, argv[i], argv[i + 1])) {
      return false;
    } else {
      ++i;
    }
  }
  return command.verb != Command::Verb::kNone;
}

int List(Groups groups) {
  for (const auto& group : groups) {
    for (const Row& row : group) {
      std::printf("%s\t%s\t%s\t%d\t%d\t%d\n", row.name, KindName(row.kind), row.unit, row.threads,
                  row.heavy_mib, row.ceiling != nullptr ? 1 : 0);
    }
  }
  return 0;
}

const Row* Find(Groups groups, const char* name) {
  for (const auto& group : groups) {
    for (const Row& row : group) {
      if (std::strcmp(row.name, name) == 0) return &row;
    }
  }
  return nullptr;
}

void StayOn(int cpu) {
  if (cpu < 0) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpu), &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) std::perror("bench: sched_setaffinity");
}

int MeasureNamed(Groups groups, const Command& command) {
  const Row* row = Find(groups, command.argument);
  const bool ceiling = command.verb == Command::Verb::kCeiling;
  if (row == nullptr || (ceiling && row->ceiling == nullptr)) {
    std::fprintf(stderr, "bench: no %s named %s (--list names them)\n", ceiling ? "ceiling" : "row",
                 command.argument);
    return 2;
  }
  StayOn(command.cpu);
  const Sample sample = (ceiling ? row->ceiling : row->measure)(*row, command.plan);
  std::printf("%s\t%.6g\t%.3f\t%s\n", row->name, sample.median, sample.spread, row->unit);
  return 0;
}

int Warm(const char* mib) {
  const std::size_t bytes = std::strtoull(mib, nullptr, 10) << 20;
  // The kernel takes huge pages from other stocks than ordinary ones: both are to be warm.
  { const MappedArray<char> touched(bytes, Backing::kHuge); }
  const MappedArray<char> touched(bytes, Backing::kOrdinary);
  return 0;
}

}  // namespace

int RunRows(Groups groups, int argc, char** argv) {
  Command command;
  if (!Parse(command, argc, argv)) return Usage(argv[0]);
  switch (command.verb) {
    case Command::Verb::kList:
      return List(groups);
    case Command::Verb::kWarm:
      return Warm(command.argument);
    default:
      return MeasureNamed(groups, command);
  }
}

}  // namespace spanheap::bench
