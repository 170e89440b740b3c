// SPDX-License-Identifier: MIT
//
// Does memory go back? Each scene runs in a process of its own, with whatever malloc is preloaded.
//
//   spanheap-memory [--json] [SCENE...]     all scenes without a name; exit 1 if a target is missed
#include <sys/wait.h>

#include <cstdlib>

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

bool IsWanted(const char* name, int count, char** names) {
  bool any = false;
  for (int i = 1; i < count; ++i) {
    if (names[i][0] == '-') continue;
    any = true;
    if (std::strcmp(names[i], name) == 0) return true;
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

}  // namespace
}  // namespace spanheap::bench

int main(int argc, char** argv) {
  bool json = false;
  int misses = 0;
  for (const auto& part : spanheap::bench::kParts) {
    if (argc > 1 && std::strcmp(argv[1], part.verb) == 0) part.run();
  }
  for (int i = 1; i < argc; ++i) json = json || std::strcmp(argv[i], "--json") == 0;
  for (const auto& scene : spanheap::bench::kScenes) {
    if (!spanheap::bench::IsWanted(scene.name, argc, argv)) continue;
    misses += spanheap::bench::RunApart(scene, json);
  }
  return misses == 0 ? 0 : 1;
}
