// SPDX-License-Identifier: MIT
#include <random>

#include "bench/pages/row.h"
#include "bench/pages/strategy_space.h"

namespace spanheap::bench {
namespace {

constexpr uint32_t kSmall = 64;    // chunks: 256 MiB
constexpr uint32_t kLarge = 4096;  // 16 GiB

template <class Space>
using Shared = std::shared_ptr<LockedSpace<Space>>;

// Takes n pages and gives them back.
template <class Space>
Runner PairOn(Shared<Space> space, Pages n) {
  return {Space::kName, [space, n](uint64_t times) {
            for (uint64_t i = 0; i < times; ++i) space->Free(space->Allocate(n));
          }};
}

// Replaces a random one of many runs of 1..16 pages: what a busy heap does. An operation is a pair.
template <class Space>
Runner ChurnOn(Shared<Space> space) {
  struct State {
    std::mt19937 random{7};
    std::vector<PageRun> live;
  };
  auto state = std::make_shared<State>();
  for (int i = 0; i < 2500; ++i) {
    state->live.push_back(space->Allocate(Pages(1 + state->random() % 16)));
  }
  return {Space::kName, [space, state](uint64_t times) {
            for (uint64_t i = 0; i < times; ++i) {
              PageRun& run = state->live[state->random() % state->live.size()];
              space->Free(run);
              run = space->Allocate(Pages(1 + state->random() % 16));
            }
          }};
}

// 64 runs of 8 pages taken, then given back in order: a batch of spans. Per run.
template <class Space>
Runner BatchOn(Shared<Space> space) {
  return {Space::kName, [space](uint64_t times) {
            PageRun runs[64];
            for (uint64_t i = 0; i < times; i += 64) {
              for (PageRun& run : runs) run = space->Allocate(Pages(8));
              for (const PageRun& run : runs) space->Free(run);
            }
          }};
}

template <class Make>
void Add(std::vector<Row>& rows, const char* space, std::string operation, double target,
         Make make) {
  rows.push_back(
      {space,
       std::move(operation),
       {make(static_cast<BitmapSpace*>(nullptr)), make(static_cast<ListSpace*>(nullptr))},
       target});
}

template <class Space>
Shared<Space> MakeSpace(Space*, uint32_t chunks, typename LockedSpace<Space>::Shape shape) {
  return std::make_shared<LockedSpace<Space>>(chunks, shape);
}

void AddPairs(std::vector<Row>& rows, const char* name, uint32_t chunks, bool fragmented,
              double near_target, double far_target) {
  for (const uint32_t n : {1U, 3U, 8U, 64U, 256U}) {
    const bool is_far = fragmented && n > 3;
    const std::string fit = !fragmented ? "" : is_far ? ", far fit" : ", near fit";
    Add(rows, name, "pair of " + std::to_string(n) + (n == 1 ? " page" : " pages") + fit,
        is_far   ? far_target
        : n == 1 ? near_target
                 : 0,
        [&](auto* space) {
          using Space = std::remove_pointer_t<decltype(space)>;
          using Shape = typename LockedSpace<Space>::Shape;
          return PairOn(MakeSpace(space, chunks, fragmented ? Shape::kFragmented : Shape::kFree),
                        Pages(n));
        });
  }
}

void AddBitmapOnly(std::vector<Row>& rows) {
  using Space = LockedSpace<BitmapSpace>;
  auto fragmented = std::make_shared<Space>(kSmall, Space::Shape::kFragmented);
  rows.push_back({"256 MiB fragmented",
                  "fill a page cache and flush it",
                  {{BitmapSpace::kName,
                    [fragmented](uint64_t times) {
                      for (uint64_t i = 0; i < times; ++i) {
                        PageBlock block;
                        {
                          MutexLock lock(fragmented->mutex());
                          block = fragmented->pages().TakeBlock();
                        }
                        MutexLock lock(fragmented->mutex());
                        fragmented->pages().ReturnBlock(block);
                      }
                    }}},
                  0});
  rows.push_back({"256 MiB fragmented",
                  "claim a run for release and put it back",
                  {{BitmapSpace::kName,
                    [fragmented](uint64_t times) {
                      for (uint64_t i = 0; i < times; ++i) {
                        MutexLock lock(fragmented->mutex());
                        const PageRun run = fragmented->pages().ClaimForRelease(8, true);
                        fragmented->pages().FinishRelease(run, false, false);
                      }
                    }}},
                  0});
}

}  // namespace

void AddStrategyRows(std::vector<Row>& rows) {
  AddPairs(rows, "256 MiB free", kSmall, false, 100, 0);
  AddPairs(rows, "256 MiB fragmented", kSmall, true, 0, 0);
  AddPairs(rows, "16 GiB fragmented", kLarge, true, 0, 200);
  Add(rows, "256 MiB free", "64 runs of 8 pages, then all back; per run", 0, [](auto* space) {
    using Space = std::remove_pointer_t<decltype(space)>;
    return BatchOn(MakeSpace(space, kSmall, LockedSpace<Space>::Shape::kFree));
  });
  Add(rows, "256 MiB, churned", "replace a random run of 1..16 pages", 0, [](auto* space) {
    using Space = std::remove_pointer_t<decltype(space)>;
    return ChurnOn(MakeSpace(space, kSmall, LockedSpace<Space>::Shape::kFree));
  });
  AddBitmapOnly(rows);
}

}  // namespace spanheap::bench
