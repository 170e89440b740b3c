// SPDX-License-Identifier: MIT
//
// All interleavings of three threads over spans of two and three slots: nothing is handed out
// twice, lost, or released in use; and every broken variant of the protocol is caught.
#include <gtest/gtest.h>

#include <memory>

#include "span_protocol.h"

namespace spanheap::model {
namespace {

using enum Operation;

constexpr Scenario kScenarios[] = {
    {"two return to a full span while one takes",
     2,
     2,
     {{kReturnOne}, {kReturnOne}, {kTakeOne, kDrop}}},
    {"returns, and takers that hold and drop",
     2,
     2,
     {{kReturnOne, kTakeOne, kDrop}, {kReturnOne, kReturnOne}, {kTakeOne, kDrop}}},
    {"a listed span is emptied, popped and filled",
     2,
     1,
     {{kTakeOne, kDrop, kReturnOne}, {kReturnOne, kTakeTwo}, {kTakeTwo, kDrop, kReturnTwo}}},
    {"records are used again while late returners look",
     2,
     2,
     {{kReturnOne, kTakeTwo, kDrop}, {kReturnOne, kTakeOne, kDrop}, {kReturnTwo, kReturnOne}}},
    {"three slots, batches of two",
     3,
     3,
     {{kReturnTwo, kTakeOne, kDrop}, {kReturnOne, kTakeTwo, kDrop}, {kReturnOne, kReturnHigh}}},
    {"two spans of three slots",
     3,
     2,
     {{kTakeTwo, kDrop, kReturnHigh}, {kTakeTwo, kReturnOne, kDrop}, {kReturnTwo, kReturnOne}}},
    {"everybody takes, drops and returns",
     2,
     0,
     {{kTakeOne, kDrop, kReturnOne}, {kTakeOne, kDrop, kReturnOne}, {kTakeOne, kDrop, kReturnOne}}},
};

Outcome ExploreScenario(const Scenario& scenario, Fault fault, Events& events) {
  const auto protocol = std::make_unique<SpanProtocol>(scenario, fault, events);
  return Explore(protocol->AsProgram());
}

// The first rule that a broken protocol is seen to break in any scenario; empty: none.
std::string FirstFailure(Fault fault) {
  Events events;
  for (const Scenario& scenario : kScenarios) {
    const Outcome outcome = ExploreScenario(scenario, fault, events);
    if (outcome.failure.empty()) continue;
    printf("caught: %s (%s)\n", outcome.failure.c_str(), scenario.name);
    return outcome.failure;
  }
  return "";
}

TEST(SpanOwnershipTest, HoldsInEveryInterleaving) {
  Events events;
  size_t states = 0;
  for (const Scenario& scenario : kScenarios) {
    const Outcome outcome = ExploreScenario(scenario, Fault::kNone, events);
    EXPECT_EQ(outcome.failure, "") << scenario.name;
    EXPECT_GT(outcome.ends, 1U) << scenario.name;
    states += outcome.states;
    printf("%9zu states, %4zu ends: %s\n", outcome.states, outcome.ends, scenario.name);
  }
  // The search got everywhere: each way a span can change hands was taken.
  EXPECT_GT(events.popped, 0U);
  EXPECT_GT(events.released_by_return, 0U);
  EXPECT_GT(events.released_by_drop, 0U);
  EXPECT_GT(events.found_empty_when_listing, 0U);
  EXPECT_GT(events.taken_from_list_when_empty, 0U);
  EXPECT_GT(events.record_used_again, 0U);
  EXPECT_GT(states, 10000U);
}

TEST(SpanOwnershipTest, CatchesACountRaisedBeforeTheBitsAreClear) {
  EXPECT_NE(FirstFailure(Fault::kCountBeforeBits), "");
}
TEST(SpanOwnershipTest, CatchesBitsTakenBeforeTheCount) {
  EXPECT_NE(FirstFailure(Fault::kBitsBeforeCount), "");
}
TEST(SpanOwnershipTest, CatchesADecisionApartFromTheCount) {
  EXPECT_NE(FirstFailure(Fault::kDecisionApart), "");
}
TEST(SpanOwnershipTest, CatchesAHolderThatLetsGoByStoring) {
  EXPECT_NE(FirstFailure(Fault::kDropByStore), "");
}
TEST(SpanOwnershipTest, CatchesAnEmptySpanTakenWithoutTheList) {
  EXPECT_NE(FirstFailure(Fault::kReapWithoutList), "");
}

}  // namespace
}  // namespace spanheap::model
