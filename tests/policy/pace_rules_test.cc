// SPDX-License-Identifier: MIT
//
// Each formula of the pacer, by figures calculated by hand, and all of them at random against the
// model.
#include "policy/pace_rules.h"

#include <gtest/gtest.h>

#include <random>

#include "models/pacer_model.h"
#include "policy/pacer.h"

namespace spanheap::policy {
namespace {

constexpr uint64_t kMiB = 1 << 20;

// A heap that may double: easy figures.
PaceRules Doubling() {
  PaceRules pacer;
  pacer.SetPercent(100);
  return pacer;
}

TEST(PaceRules, ASmallHeapHasTheLeastGoalALargeOneGrowsByLess) {
  PaceRules pacer;
  pacer.Commit(0, 0, true);
  EXPECT_EQ(pacer.GoalFor(kUnbounded), 4 * kMiB);
  // No runway is known: as late as may be, 61/64 of 4 MiB.
  EXPECT_EQ(pacer.TriggerFor(kUnbounded), 4 * kMiB / 64 * 61);
  pacer.ResetLive(100 * kMiB, {});
  pacer.Commit(100 * kMiB, 0, true);
  EXPECT_EQ(pacer.GoalFor(kUnbounded), 185 * kMiB);
}

TEST(PaceRules, TheGoalGrowsWithWhatWasMarkedAndWithRoots) {
  PaceRules pacer = Doubling();
  pacer.ResetLive(100 * kMiB, {60 * kMiB, 2 * kMiB, 1 * kMiB});
  pacer.Commit(100 * kMiB, 8 * kMiB, true);
  EXPECT_EQ(pacer.GoalFor(kUnbounded), 100 * kMiB + 110 * kMiB);
  pacer.SetPercent(50);
  pacer.Commit(100 * kMiB, 8 * kMiB, true);
  EXPECT_EQ(pacer.GoalFor(kUnbounded), 155 * kMiB);
  pacer.SetPercent(170);
  pacer.ResetLive(0, {});
  pacer.Commit(0, 0, true);
  EXPECT_EQ(pacer.GoalFor(kUnbounded), 8 * kMiB);  // the least goal scales
}

// By half of what lives at a time, or by a twentieth of the height if that is higher; below the
// height by the percentage.
TEST(PaceRules, ANewHeightIsClimbedInSteps) {
  PaceRules pacer;
  pacer.ClimbInSteps(true);
  const auto goal_for = [&](uint64_t live) {
    pacer.ResetLive(live, {});
    pacer.Commit(live, 0, true);
    return pacer.GoalFor(kUnbounded);
  };
  EXPECT_EQ(goal_for(100 * kMiB), 150 * kMiB);
  pacer.NoteHeight(160 * kMiB);
  EXPECT_EQ(goal_for(100 * kMiB), 168 * kMiB);
  pacer.NoteHeight(120 * kMiB);
  EXPECT_EQ(goal_for(100 * kMiB), 168 * kMiB);
  EXPECT_EQ(goal_for(120 * kMiB), 180 * kMiB);
  EXPECT_EQ(goal_for(80 * kMiB), 148 * kMiB);
  pacer.ResetLive(100 * kMiB, {0, 0, 200 * kMiB});
  pacer.Commit(100 * kMiB, 200 * kMiB, true);
  EXPECT_EQ(pacer.GoalFor(kUnbounded), 250 * kMiB);  // half of the roots as well
  pacer.Commit(120 * kMiB, 0, true);
  pacer.ResetLive(120 * kMiB, {});
  pacer.Commit(120 * kMiB, 0, true);
  pacer.ClimbInSteps(false);
  EXPECT_EQ(goal_for(120 * kMiB), 222 * kMiB);
}

// Though each mark is over long before the goal; one that was asked for tells nothing.
TEST(PaceRules, AHeapAtRestComesToTheWholePercentage) {
  Pacer pacer;
  const auto cycle = [&](uint64_t live_at_start) {
    pacer.Begin(live_at_start);
    Pacer::Spent spent;
    spent.live = live_at_start;
    Pacer::Marked marked;
    marked.live = 100 * kMiB;
    pacer.End(spent, marked);
    pacer.Commit(marked.live, true);
    return pacer.goal();
  };
  EXPECT_EQ(cycle(100 * kMiB), 150 * kMiB);
  EXPECT_EQ(cycle(101 * kMiB), 150 * kMiB);
  for (int i = 0; i < 5; ++i) cycle(pacer.trigger());
  EXPECT_EQ(pacer.goal(), 185 * kMiB);
}

TEST(PaceRules, ZeroPercentCollectsAllTheTime) {
  PaceRules pacer = Doubling();
  pacer.SetPercent(0);
  pacer.ResetLive(10 * kMiB, {});
  pacer.Commit(10 * kMiB, 0, true);
  EXPECT_EQ(pacer.GoalFor(kUnbounded), 10 * kMiB);
  EXPECT_EQ(pacer.TriggerFor(kUnbounded), 10 * kMiB);
}

TEST(PaceRules, ANegativePercentageLeavesTheLimitAlone) {
  PaceRules pacer = Doubling();
  pacer.SetPercent(-7);
  EXPECT_EQ(pacer.percent(), -1);
  pacer.ResetLive(10 * kMiB, {});
  pacer.Commit(10 * kMiB, 0, true);
  EXPECT_EQ(pacer.GoalFor(kUnbounded), kUnbounded);
  EXPECT_GT(pacer.TriggerFor(kUnbounded), kUnbounded / 2);
  EXPECT_EQ(pacer.GoalFor(64 * kMiB), 64 * kMiB);
}

TEST(PaceRules, WhileSweepingIsUnderWayTheNextCycleWaits) {
  PaceRules pacer = Doubling();
  pacer.ResetLive(kMiB, {});
  pacer.Commit(30 * kMiB, 0, false);
  EXPECT_EQ(pacer.GoalFor(kUnbounded), 31 * kMiB);
  EXPECT_EQ(pacer.TriggerFor(kUnbounded), 31 * kMiB);
  // In the limited regime nothing waits.
  EXPECT_EQ(pacer.GoalFor(3 * kMiB), 3 * kMiB);
  EXPECT_LT(pacer.TriggerFor(3 * kMiB), 3 * kMiB);
}

TEST(PaceRules, ACycleThatStartsLateHasAtLeast64KiB) {
  PaceRules pacer = Doubling();
  pacer.Commit(0, 0, true);
  pacer.StartCycle(9 * kMiB);
  EXPECT_EQ(pacer.GoalFor(kUnbounded), 9 * kMiB + 65536);
}

TEST(PaceRules, TheRunwayFollowsFromTheCycleBefore) {
  PaceRules pacer = Doubling();
  pacer.Commit(0, 0, true);
  pacer.StartCycle(100 * kMiB);
  // 20 MiB allocated while 40 MiB were scanned by a quarter of 2 processors: 20*0.25/(40*0.75).
  pacer.EndCycle({1'000'000, 0, 0, 2, 120 * kMiB, {40 * kMiB, 0, 0}});
  EXPECT_DOUBLE_EQ(pacer.cons_mark(), 20 * 0.25 / (40 * 0.75));
  pacer.ResetLive(100 * kMiB, {40 * kMiB, 0, 0});
  pacer.Commit(100 * kMiB, 0, true);
  // 1/6 * 3 * 40 MiB, as far as doubles go.
  EXPECT_NEAR(static_cast<double>(pacer.runway()), 20.0 * kMiB, 1);
  EXPECT_EQ(pacer.TriggerFor(kUnbounded), 200 * kMiB - pacer.runway());
}

TEST(PaceRules, TheTriggerStaysWithinItsBounds) {
  PaceRules pacer = Doubling();
  pacer.StartCycle(100 * kMiB);
  pacer.EndCycle({1'000'000, 0, 0, 1, 200 * kMiB, {10 * kMiB, 0, 0}});
  pacer.ResetLive(64 * kMiB, {60 * kMiB, 0, 0});
  pacer.Commit(64 * kMiB, 0, true);
  EXPECT_GT(pacer.runway(), pacer.GoalFor(kUnbounded));
  EXPECT_EQ(pacer.TriggerFor(kUnbounded), 64 * kMiB + 57 * kMiB);
  PaceRules idle =
      Doubling();  // no runway: no later than 4 MiB before the goal, where that is later than 61/64
  idle.ResetLive(640 * kMiB, {});
  idle.Commit(640 * kMiB, 0, true);
  EXPECT_EQ(idle.TriggerFor(kUnbounded), 1280 * kMiB - 4 * kMiB);
}

// Goal 128 MiB, earliest trigger 64 + 45 of them.
TEST(PaceRules, ARunwayThatIsTooLongIsMadeAsMuchShorter) {
  const auto trigger_for = [](uint64_t runway) {
    PaceRules pacer = Doubling();
    pacer.StartCycle(100 * kMiB);
    // cons/mark is a third of the bytes grown to the bytes scanned, and the runway is thrice that.
    pacer.EndCycle({1'000'000, 0, 0, 1, 100 * kMiB + runway, {60 * kMiB, 0, 0}});
    pacer.ResetLive(64 * kMiB, {60 * kMiB, 0, 0});
    pacer.Commit(64 * kMiB, 0, true);
    EXPECT_NEAR(double(pacer.runway()), double(runway), 1);
    return double(pacer.TriggerFor(kUnbounded)) / kMiB;
  };
  EXPECT_NEAR(trigger_for(19 * kMiB), 128 - 19, 0.01);
  EXPECT_NEAR(trigger_for(38 * kMiB), 128 - 9.5, 0.01);
  EXPECT_NEAR(trigger_for(190 * kMiB), 128 - 7, 0.01);  // a bound: it is not all assists
}

TEST(PaceRules, AssistsAndIdleTimeCount) {
  PaceRules pacer = Doubling();
  pacer.StartCycle(10 * kMiB);
  // u = 0.25 + 0.25, idle 0.125, of 4 processors.
  pacer.EndCycle({1000, 1000, 500, 4, 18 * kMiB, {16 * kMiB, 0, 0}});
  EXPECT_DOUBLE_EQ(pacer.cons_mark(), 8 * 0.625 / (16 * 0.5));
}

TEST(PaceRules, TheWorstOfFiveCyclesCounts) {
  PaceRules pacer = Doubling();
  const auto cycle = [&](uint64_t grown) {
    pacer.StartCycle(10 * kMiB);
    pacer.EndCycle({1000, 0, 0, 1, 10 * kMiB + grown, {3 * kMiB, 0, 0}});
    return pacer.cons_mark();
  };
  const double high = cycle(9 * kMiB);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(cycle(kMiB), high);
  EXPECT_LT(cycle(kMiB), high);
}

TEST(PaceRules, ACycleWithoutGrowthOrWorkTeachesNothing) {
  PaceRules pacer = Doubling();
  pacer.StartCycle(10 * kMiB);
  pacer.EndCycle({1000, 0, 0, 1, 10 * kMiB, {3 * kMiB, 0, 0}});
  pacer.EndCycle({1000, 0, 0, 1, 11 * kMiB, {}});
  EXPECT_EQ(pacer.cons_mark(), 0);
}

TEST(PaceRules, ReviseSpreadsTheRestOverTheWayToTheGoal) {
  PaceRules pacer = Doubling();
  pacer.ResetLive(100 * kMiB, {90 * kMiB, 6 * kMiB, 4 * kMiB});
  pacer.Commit(100 * kMiB, 4 * kMiB, true);
  pacer.StartCycle(150 * kMiB);
  // Goal 210 MiB; expected 100 MiB, 25 of them done; 40 MiB to go.
  const AssistRatio ratio =
      pacer.Revise({170 * kMiB, 140 * kMiB, 6 * kMiB, 4 * kMiB}, {20 * kMiB, 3 * kMiB, 2 * kMiB});
  EXPECT_DOUBLE_EQ(ratio.work_per_byte, 75.0 / 40.0);
  EXPECT_DOUBLE_EQ(ratio.bytes_per_work, 40.0 / 75.0);
}

// Before the first mark all may live: else its debts would be paid by next to nothing.
TEST(PaceRules, TheFirstCycleExpectsEverything) {
  PaceRules pacer;
  pacer.Commit(0, 0, true);
  pacer.StartCycle(3 * kMiB);
  const AssistRatio ratio = pacer.Revise({3 * kMiB, 3 * kMiB, 0, 0}, {});
  EXPECT_DOUBLE_EQ(ratio.work_per_byte, 3.0);
}

TEST(PaceRules, MoreWorkThanExpectedMovesTheGoal) {
  PaceRules pacer = Doubling();
  pacer.ResetLive(100 * kMiB, {100 * kMiB, 0, 0});
  pacer.Commit(100 * kMiB, 0, true);
  pacer.StartCycle(160 * kMiB);
  // Goal 200: extended to 160 + 40/100 * 150 = 220, below the hard 400.
  const AssistRatio ratio = pacer.Revise({180 * kMiB, 150 * kMiB, 0, 0}, {110 * kMiB, 0, 0});
  EXPECT_DOUBLE_EQ(ratio.work_per_byte, 40.0 / 40.0);
  // With much more that may be alive the hard goal holds: 160 + 40/100 * 1000 = 560 > 400.
  const AssistRatio hard = pacer.Revise({180 * kMiB, 1000 * kMiB, 0, 0}, {110 * kMiB, 0, 0});
  EXPECT_DOUBLE_EQ(hard.work_per_byte, 890.0 / 220.0);
}

TEST(PaceRules, AMissedGoalMovesByATenth) {
  PaceRules pacer = Doubling();
  pacer.ResetLive(100 * kMiB, {80 * kMiB, 0, 0});
  pacer.Commit(100 * kMiB, 0, true);
  pacer.StartCycle(150 * kMiB);
  const AssistRatio ratio = pacer.Revise({210 * kMiB, 160 * kMiB, 0, 0}, {40 * kMiB, 0, 0});
  EXPECT_NEAR(ratio.work_per_byte, 120.0 / 10.0, 1e-5);
  // Missed by more: each byte pays for everything.
  EXPECT_DOUBLE_EQ(pacer.Revise({300 * kMiB, 160 * kMiB, 0, 0}, {40 * kMiB, 0, 0}).work_per_byte,
                   120.0 * kMiB);
}

// Behind a limit's goal is no room: neither more work nor more allocation moves it.
TEST(PaceRules, AGoalUnderALimitIsNeverMoved) {
  PaceRules pacer = Doubling();
  pacer.ResetLive(100 * kMiB, {100 * kMiB, 0, 0});
  pacer.Commit(100 * kMiB, 0, true);
  pacer.StartCycle(160 * kMiB);
  const HeapNow more{180 * kMiB, 150 * kMiB, 0, 0, 190 * kMiB};
  EXPECT_DOUBLE_EQ(pacer.Revise(more, {110 * kMiB, 0, 0}).work_per_byte, 40.0 / 10.0);
  EXPECT_DOUBLE_EQ(pacer.Revise(more, {90 * kMiB, 0, 0}).work_per_byte, 10.0 / 10.0);
  const HeapNow over{195 * kMiB, 150 * kMiB, 0, 0, 190 * kMiB};
  EXPECT_DOUBLE_EQ(pacer.Revise(over, {90 * kMiB, 0, 0}).work_per_byte, 60.0 * kMiB);
}

TEST(PaceRules, ALeastHeapIsAFloorForPercentagesButNotForLimits) {
  PaceRules pacer = Doubling();
  pacer.SetMinimum(64 * kMiB);
  pacer.ResetLive(10 * kMiB, {});
  pacer.Commit(10 * kMiB, 0, true);
  EXPECT_EQ(pacer.GoalFor(kUnbounded), 64 * kMiB);
  EXPECT_EQ(pacer.GoalFor(30 * kMiB), 30 * kMiB);
  pacer.ResetLive(50 * kMiB, {});
  pacer.Commit(50 * kMiB, 0, true);
  EXPECT_EQ(pacer.GoalFor(kUnbounded), 100 * kMiB);
}

TEST(PaceRules, ACollectorThatAlwaysComesLateIsAskedEarlier) {
  PaceRules pacer;
  pacer.ResetLive(0, {});
  pacer.Commit(0, 0, true);
  const uint64_t trigger = pacer.TriggerFor(kUnbounded);
  EXPECT_EQ(trigger, 4 * kMiB / 64 * 61);
  pacer.NoteLate(2 * kMiB);
  EXPECT_EQ(pacer.TriggerFor(kUnbounded), trigger) << "it may not be so late again";
  pacer.NoteLate(1 * kMiB);
  EXPECT_EQ(pacer.TriggerFor(kUnbounded), 3 * kMiB);
  for (int i = 0; i < 3; ++i) pacer.NoteLate(0);
  EXPECT_EQ(pacer.TriggerFor(kUnbounded), trigger);
  for (int i = 0; i < 4; ++i) pacer.NoteLate(100 * kMiB);
  EXPECT_EQ(pacer.TriggerFor(kUnbounded), 4 * kMiB / 64 * 45);
}

TEST(PaceRules, WorkersAreAQuarterOfTheProcessors) {
  const auto expect = [](unsigned processors, unsigned dedicated, double fraction) {
    const MarkWorkers workers = MarkWorkersFor(processors);
    EXPECT_EQ(workers.dedicated, dedicated) << processors;
    EXPECT_DOUBLE_EQ(workers.fraction, fraction) << processors;
  };
  expect(1, 0, 0.25);
  expect(2, 0, 0.25);
  expect(3, 0, 0.25);
  expect(4, 1, 0);
  expect(5, 1, 0);
  expect(6, 1, 0.5 / 6);
  for (unsigned processors : {7u, 8u, 9u}) expect(processors, 2, 0);
  expect(10, 3, 0);
}

class RandomPacer {
 public:
  explicit RandomPacer(unsigned seed) : random_(seed) {}

  void Cycle() {
    if (random_() % 4 == 0) {
      const int percent = static_cast<int>(random_() % 400) - 20;
      pacer_.SetPercent(percent);
      model_.percent = percent < 0 ? -1 : percent;
    }
    Commit(Below(300 * kMiB), random_() % 2 == 0);
    Compare();
    const uint64_t start = Below(200 * kMiB);
    pacer_.StartCycle(start);
    model_.triggered = static_cast<int64_t>(start);
    for (int i = 0; i < 5; ++i) CompareRevise();
    End(start);
  }

 private:
  uint64_t Below(uint64_t bound) { return random_() % bound; }

  void Commit(uint64_t live, bool swept) {
    const uint64_t globals = Below(8 * kMiB);
    pacer_.Commit(live, globals, swept);
    model_.commit(static_cast<int64_t>(live), static_cast<int64_t>(globals), swept);
  }

  int64_t RandomLimit() {
    return random_() % 2 == 0 ? -1 : static_cast<int64_t>(Below(300 * kMiB));
  }
  static uint64_t Ours(int64_t limit) {
    return limit < 0 ? kUnbounded : static_cast<uint64_t>(limit);
  }

  void Compare() {
    const int64_t limit = RandomLimit();
    if (model_.goal(limit) < 0) {
      EXPECT_EQ(pacer_.GoalFor(Ours(limit)), kUnbounded);
      return;
    }
    ASSERT_EQ(pacer_.GoalFor(Ours(limit)), Ours(model_.goal(limit)));
    ASSERT_EQ(pacer_.TriggerFor(Ours(limit)), Ours(model_.trigger(limit)));
    ASSERT_EQ(pacer_.runway(), Ours(model_.runway));
  }

  void CompareRevise() {
    int64_t limit = RandomLimit();
    if (model_.goal(limit) < 0) limit = static_cast<int64_t>(100 * kMiB);
    const HeapNow now{Below(400 * kMiB), Below(300 * kMiB), Below(kMiB), Below(kMiB), Ours(limit)};
    const ScanWork work{Below(300 * kMiB), Below(kMiB), Below(kMiB)};
    const auto s = [](uint64_t value) { return static_cast<int64_t>(value); };
    const auto wanted = model_.revise(s(now.live), s(now.scannable), s(now.max_stack),
                                      s(now.globals), limit, s(work.sum()));
    const AssistRatio ratio = pacer_.Revise(now, work);
    ASSERT_EQ(ratio.work_per_byte, double(wanted.remaining) / double(wanted.distance));
    ASSERT_EQ(ratio.bytes_per_work, double(wanted.distance) / double(wanted.remaining));
  }

  void End(uint64_t start) {
    const ScanWork work{1 + Below(200 * kMiB), Below(kMiB), Below(kMiB)};
    const uint64_t live = start / 2 + Below(200 * kMiB);
    const uint64_t elapsed = 1000 + Below(1'000'000), assist = Below(elapsed),
                   idle = Below(elapsed);
    const unsigned processors = 2 + static_cast<unsigned>(Below(30));
    pacer_.EndCycle({elapsed, assist, idle, processors, live, work});
    model_.end_cycle(double(elapsed), double(assist), double(idle), static_cast<int>(processors),
                     static_cast<int64_t>(live), static_cast<int64_t>(work.sum()));
    ASSERT_EQ(pacer_.cons_mark(), model_.cons_mark);
    const uint64_t marked = Below(200 * kMiB);
    pacer_.ResetLive(marked, work);
    model_.has_marked = true;
    model_.marked = static_cast<int64_t>(marked);
    model_.heap_scan = static_cast<int64_t>(work.heap);
    model_.stack_scan = static_cast<int64_t>(work.stack);
    model_.triggered = -1;
  }

  std::mt19937_64 random_;
  PaceRules pacer_;
  model::PacerModel model_;
};

TEST(PaceRules, AgreesWithTheModelOnRandomCycles) {
  for (unsigned seed = 0; seed < 200 && !testing::Test::HasFatalFailure(); ++seed) {
    RandomPacer pair(seed);
    for (int cycle = 0; cycle < 50 && !testing::Test::HasFatalFailure(); ++cycle) pair.Cycle();
  }
}

}  // namespace
}  // namespace spanheap::policy
