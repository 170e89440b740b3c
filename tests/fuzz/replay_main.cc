// SPDX-License-Identifier: MIT
//
// Runs a fuzz target without a fuzzer: on random scripts, the same for the same seed, or on files
// (a finding of the fuzzer, or a corpus). So each target is an ordinary test in every flavour.
//
// usage: <target>_replay [--seed S] [--count N] [--seconds T] [--bytes MAX] [file ...]
// A target that finds something aborts; the seed of the script in work is on stderr before that.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <vector>

#include "models/script_random.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

struct Plan {
  uint64_t seed = 1;
  uint64_t count = 200;
  double seconds = 0;     // 0: by count
  uint64_t bytes = 4000;  // of the longest script
};

volatile uint64_t script_in_work = 0;

void SayScript(int signal_number) {
  char line[80];
  const int length =
      snprintf(line, sizeof line, "replay: script --seed %lu --count 1 ends by signal %d\n",
               static_cast<uint64_t>(script_in_work), signal_number);
  if (write(STDERR_FILENO, line, static_cast<size_t>(length)) < 0) _exit(1);
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

double Now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

void RunRandom(const Plan& plan) {
  const double start = Now();
  uint64_t done = 0;
  for (; plan.seconds > 0 ? Now() - start < plan.seconds : done < plan.count; ++done) {
    script_in_work = plan.seed + done;
    spanheap::ScriptRandom random(script_in_work);
    std::vector<uint8_t> script(1 + random.Below(plan.bytes));
    for (uint8_t& byte : script) byte = static_cast<uint8_t>(random.Next() >> 32);
    LLVMFuzzerTestOneInput(script.data(), script.size());
  }
  printf("replay: ok, %lu scripts from seed %lu, %.1f s\n", done, plan.seed, Now() - start);
}

bool RunFile(const char* path) {
  FILE* file = fopen(path, "rb");
  if (file == nullptr) {
    perror(path);
    return false;
  }
  std::vector<uint8_t> script;
  for (int byte; (byte = fgetc(file)) != EOF;) script.push_back(static_cast<uint8_t>(byte));
  fclose(file);
  LLVMFuzzerTestOneInput(script.data(), script.size());
  printf("replay: ok, %s\n", path);
  return true;
}

bool SetOption(Plan& plan, const char* name, const char* value) {
  if (value == nullptr) return false;
  if (strcmp(name, "--seed") == 0)
    plan.seed = strtoull(value, nullptr, 10);
  else if (strcmp(name, "--count") == 0)
    plan.count = strtoull(value, nullptr, 10);
  else if (strcmp(name, "--seconds") == 0)
    plan.seconds = strtod(value, nullptr);
  else if (strcmp(name, "--bytes") == 0)
    plan.bytes = strtoull(value, nullptr, 10);
  else
    return false;
  return plan.bytes > 0;
}

}  // namespace

int main(int argc, char** argv) {
  for (int number : {SIGABRT, SIGSEGV, SIGBUS}) signal(number, SayScript);
  Plan plan;
  bool any_file = false;
  for (int i = 1; i < argc; ++i) {
    if (strncmp(argv[i], "--", 2) == 0) {
      if (!SetOption(plan, argv[i], argv[i + 1])) {
        fprintf(stderr, "usage: %s [--seed S] [--count N] [--seconds T] [--bytes MAX] [file ...]\n",
                argv[0]);
        return 2;
      }
      ++i;
    } else if (!RunFile(argv[i])) {
      return 1;
    } else {
      any_file = true;
    }
  }
  if (!any_file) RunRandom(plan);
  return 0;
}
