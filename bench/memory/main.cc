// SPDX-License-Identifier: MIT
//
// Does memory go back? Each scene runs in a process of its own, with whatever malloc is preloaded.
//
//   spanheap-memory [--json] [SCENE...]     all scenes without a name; exit 1 if a target is missed
#include <sys/wait.h>

#include <algorithm>
#include <iterator>

#include "bench/memory/scene.h"

namespace spanheap::bench {
namespace {

struct Scene {
  const char* name;
  void (*run)(Report&);
};
constexpr Scene kScenes[] = {
    {"sparse", Sparse},           {"spike", Spike},       {"web", Web},     {"idle", Idle},
    {"now-and-then", NowAndThen}, {"pipeline", Pipeline}, {"churn", Churn}, {"trim", Trim},
    {"figures", Figures},         {"limits", Limits}};

constexpr struct {
  const char* verb;
  void (*run)();
} kParts[] = {{"--churn", ChurnChild},
              {"--now-and-then", NowAndThenChild},
              {"--soft-limit", SoftLimitChild},
              {"--soft-limit-moving", MovingSoftLimitChild},
              {"--hard-limit", HardLimitChild}};

constexpr int kUsageError = 2;

bool IsJson(const char* word) { return std::strcmp(word, "--json") == 0; }

bool IsKnown(const char* word) {
  return IsJson(word) ||
         std::any_of(std::begin(kScenes), std::end(kScenes),
                     [&](const Scene& scene) { return std::strcmp(scene.name, word) == 0; });
}

bool IsWanted(const char* name, int count, char** words) {
  bool any = false;
  for (int i = 1; i < count; ++i) {
    if (IsJson(words[i])) continue;
    any = true;
    if (std::strcmp(words[i], name) == 0) return true;
  }
  return !any;
}

int RunApart(const Scene& scene, bool json) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    Report report(json);
    scene.run(report);
    _exit(report.misses() == 0 ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status == 0 ? 0 : 1;
}

int Usage(const char* program) {
  std::fprintf(stderr, "usage: %s [--json] [SCENE...]\nscenes:", program);
  for (const Scene& scene : kScenes) std::fprintf(stderr, " %s", scene.name);
  std::fprintf(stderr, "\n");
  return kUsageError;
}

int Main(int argc, char** argv) {
  for (const auto& part : kParts) {
    if (argc > 1 && std::strcmp(argv[1], part.verb) == 0) part.run();
  }
  if (!std::all_of(argv + 1, argv + argc, IsKnown)) return Usage(argv[0]);
  const bool json = std::any_of(argv + 1, argv + argc, IsJson);
  int misses = 0;
  for (const Scene& scene : kScenes) {
    if (IsWanted(scene.name, argc, argv)) misses += RunApart(scene, json);
  }
  return misses == 0 ? 0 : 1;
}

}  // namespace
}  // namespace spanheap::bench

int main(int argc, char** argv) { return spanheap::bench::Main(argc, argv); }
