// SPDX-License-Identifier: MIT
#include "policy/huge_page_policy.h"

#include <gtest/gtest.h>

namespace spanheap {
namespace {

using Policy = HugePagePolicy;

constexpr Policy::System kNever{false, false};
constexpr Policy::System kOnAdvice{true, false};
constexpr Policy::System kAlways{true, true};
constexpr uint64_t kSecond_ns = 1'000'000'000;

TEST(HugePagePolicyTest, WhereTheSystemHasNoneNothingIsAskedFor) {
  for (const HugePageMode mode : {HugePageMode::kAuto, HugePageMode::kOff, HugePageMode::kEager}) {
    EXPECT_FALSE(Policy::MayAsk(mode, kNever, 0, 0));
  }
}

TEST(HugePagePolicyTest, OffAsksForNone) {
  EXPECT_FALSE(Policy::MayAsk(HugePageMode::kOff, kOnAdvice, 0, 0));
  EXPECT_FALSE(Policy::MayAsk(HugePageMode::kOff, kAlways, 0, 0));
}

TEST(HugePagePolicyTest, APauseHoldsBackAutoAndNotEager) {
  const uint64_t end = 100 * kSecond_ns;
  EXPECT_FALSE(Policy::MayAsk(HugePageMode::kAuto, kOnAdvice, end - 1, end));
  EXPECT_TRUE(Policy::MayAsk(HugePageMode::kAuto, kOnAdvice, end, end));
  EXPECT_TRUE(Policy::MayAsk(HugePageMode::kEager, kOnAdvice, end - 1, end));
}

TEST(HugePagePolicyTest, OnlyASystemThatGivesThemUnaskedIsToldNotTo) {
  EXPECT_EQ(Policy::Otherwise(kNever), HugePageAdvice::kNone);
  EXPECT_EQ(Policy::Otherwise(kOnAdvice), HugePageAdvice::kNone);
  EXPECT_EQ(Policy::Otherwise(kAlways), HugePageAdvice::kOrdinary);
}

TEST(HugePagePolicyTest, MemoryIsPlentifulAboveAQuarterAndSixteenSteps) {
  const Bytes total = 16_GiB;
  EXPECT_TRUE(Policy::IsPlentiful(4_GiB + 1_MiB, total, false, 32_MiB));
  EXPECT_FALSE(Policy::IsPlentiful(4_GiB, total, false, 32_MiB));
  EXPECT_FALSE(Policy::IsPlentiful(8_GiB, total, true, 32_MiB));
  EXPECT_FALSE(Policy::IsPlentiful(8_GiB, total, false, 512_MiB));
  EXPECT_TRUE(Policy::IsPlentiful(8_GiB, total, false, 511_MiB));
  // A small machine: a quarter is less than sixteen steps.
  EXPECT_FALSE(Policy::IsPlentiful(400_MiB, 1_GiB, false, 4_MiB));
  EXPECT_TRUE(Policy::IsPlentiful(600_MiB, 1_GiB, false, 4_MiB));
}

TEST(HugePagePolicyTest, AnOwnLimitHasToLeaveTheStep) {
  EXPECT_TRUE(Policy::HasRoom(32_MiB, 4_MiB));
  EXPECT_FALSE(Policy::HasRoom(31_MiB, 4_MiB));
  EXPECT_TRUE(Policy::HasRoom(64_MiB, 64_MiB));
  EXPECT_FALSE(Policy::HasRoom(63_MiB, 64_MiB));
}

TEST(HugePagePolicyTest, UnknownMemoryIsScarce) {
  EXPECT_FALSE(Policy::IsPlentiful(Bytes(0), Bytes(0), false, 32_MiB));
}

TEST(HugePagePolicyTest, DenseMeansAllButAFewPercentResident) {
  EXPECT_TRUE(Policy::IsDense(4_MiB, 4_MiB));
  EXPECT_TRUE(Policy::IsDense(Bytes((4_MiB).value / 100 * 97), 4_MiB));
  EXPECT_FALSE(Policy::IsDense(Bytes((4_MiB).value / 100 * 94), 4_MiB));
  EXPECT_FALSE(Policy::IsDense(Bytes(0), Bytes(0)));
}

TEST(HugePagePolicyTest, ASampleIsDueAfterSomeStepsUnlessTheRequestIsLong) {
  EXPECT_FALSE(Policy::IsSampleDue(Policy::kStepsPerSample - 1, 4_MiB));
  EXPECT_TRUE(Policy::IsSampleDue(Policy::kStepsPerSample, 4_MiB));
  EXPECT_FALSE(Policy::IsSampleDue(Policy::kStepsPerSample, 20_MiB));
}

TEST(HugePagePolicyTest, TheLimitOfATouchIsAMillisecond) {
  EXPECT_TRUE(Policy::IsFast(999'999));
  EXPECT_FALSE(Policy::IsFast(1'000'000));
}

TEST(HugePagePolicyTest, TwoSlowTouchesInARowAreTooMany) {
  EXPECT_EQ(Policy::Judge(999'999, true), Policy::Trial::kKeep);
  EXPECT_EQ(Policy::Judge(4'000'000, false), Policy::Trial::kKeep);
  EXPECT_EQ(Policy::Judge(4'000'000, true), Policy::Trial::kGiveUp);
  EXPECT_EQ(Policy::Judge(8'000'000, false), Policy::Trial::kTryAnother);
  EXPECT_EQ(Policy::Judge(8'000'000, true), Policy::Trial::kGiveUp);
}

}  // namespace
}  // namespace spanheap
