// SPDX-License-Identifier: MIT
//
// Options: every kind of value, every separator, what is refused, and which place wins.
#include "runtime/options.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

// What a program may define. The tests set it; Load reads it.
extern "C" {
const char* spanheap_conf = nullptr;
}

namespace spanheap {
namespace {

std::string ValueOf(const Options& options, const char* name, size_t capacity = 300) {
  std::string value(capacity, 'x');
  EXPECT_TRUE(options.Get(name, value.data(), capacity));
  return value.c_str();
}

// What is written to stderr while `text` is loaded.
std::string WarningsOf(Options& options, const std::string& text) {
  testing::internal::CaptureStderr();
  options.LoadText(text.data(), text.size(), "here");
  return testing::internal::GetCapturedStderr();
}

class OptionsPlaces : public testing::Test {
 protected:
  ~OptionsPlaces() override {
    spanheap_conf = nullptr;
    unsetenv("SPANHEAP");
  }
};

TEST(Options, LoadTextSetsEachOption) {
  Options options;
  const std::string text =
      "verify=2,foreign=ignore,zero_realloc=abort,reserve=64K,hugepages=eager,stats=exit,"
      "stats_json=/tmp/a.json,stats_pid=4711";
  EXPECT_EQ(WarningsOf(options, text), "");
  EXPECT_EQ(options.verify, 2U);
  EXPECT_EQ(options.foreign, ForeignPointer::kIgnore);
  EXPECT_EQ(options.zero_realloc, ZeroRealloc::kAbort);
  EXPECT_EQ(options.reserve, Bytes(65536));
  EXPECT_EQ(options.hugepages, HugePageMode::kEager);
  EXPECT_EQ(options.stats, StatsAt::kExit);
  EXPECT_STREQ(options.stats_json, "/tmp/a.json");
  EXPECT_EQ(options.stats_pid, 4711U);
}

TEST(Options, WhiteSpaceLinesAndCommentsSeparate) {
  Options options;
  EXPECT_EQ(WarningsOf(options, "# verify=0\n  verify=3 \t,,\r\nstats=exit # reserve=7\n"), "");
  EXPECT_EQ(options.verify, 3U);
  EXPECT_EQ(options.stats, StatsAt::kExit);
  EXPECT_EQ(options.reserve, Bytes(0));
}

TEST(Options, LaterSettingsOfOneTextWin) {
  Options options;
  EXPECT_EQ(WarningsOf(options, "verify=2,verify=0"), "");
  EXPECT_EQ(options.verify, 0U);
}

TEST(Options, SizesTakeSuffixesInEitherCase) {
  struct Case {
    const char* text;
    size_t bytes;
  };
  const Case cases[] = {{"0", 0},
                        {"123", 123},
                        {"64K", 65536},
                        {"64k", 65536},
                        {"3M", 3U << 20},
                        {"2G", size_t{2} << 30},
                        {"1t", size_t{1} << 40}};
  for (const Case& c : cases) {
    Options options;
    EXPECT_EQ(WarningsOf(options, std::string("reserve=") + c.text), "") << c.text;
    EXPECT_EQ(options.reserve.value, c.bytes) << c.text;
  }
}

TEST(Options, MarksOutliveTheirCyclesWhereThatPaysUnlessOneSaysOtherwise) {
  Options options;
  EXPECT_EQ(ValueOf(options, "sticky"), "auto");
  EXPECT_EQ(WarningsOf(options, "sticky=on"), "");
  EXPECT_EQ(options.sticky, Sticky::kOn);
  EXPECT_EQ(WarningsOf(options, "sticky=off"), "");
  EXPECT_EQ(options.sticky, Sticky::kOff);
  EXPECT_EQ(ValueOf(options, "sticky"), "off");
}

TEST(Options, LimitsAreSizesOrPercentagesOrOff) {
  Options options;
  EXPECT_EQ(ValueOf(options, "memlimit"), "off");
  EXPECT_EQ(WarningsOf(options, "memlimit=80%,hardlimit=512M,minheap=64M"), "");
  EXPECT_EQ(options.memlimit, (policy::MemoryAmount{0, 80}));
  EXPECT_EQ(options.hardlimit, (policy::MemoryAmount{512 << 20, 0}));
  EXPECT_EQ(options.minheap, 64_MiB);
  EXPECT_EQ(ValueOf(options, "memlimit"), "80%");
  EXPECT_EQ(ValueOf(options, "hardlimit"), "536870912");
  EXPECT_EQ(options.Set("memlimit", "100%"), OptionResult::kDone);
  EXPECT_EQ(options.Set("hardlimit", "off"), OptionResult::kDone);
  EXPECT_FALSE(options.hardlimit.is_set());
  for (const char* bad : {"0%", "101%", "%", "8 %", "5x%", "-1%", "1.5G", ""}) {
    EXPECT_EQ(options.Set("memlimit", bad), OptionResult::kBadValue) << bad;
  }
  EXPECT_EQ(ValueOf(options, "memlimit"), "100%");
}

TEST(Options, AnUnknownNameInSeveralPlacesIsNamedOnce) {
  Options options;
  EXPECT_NE(WarningsOf(options, "speed=11"), "");
  EXPECT_EQ(WarningsOf(options, "speed=12,verify=2"), "");
  EXPECT_NE(WarningsOf(options, "spede=11"), "");
  EXPECT_EQ(options.verify, 2U);
}

TEST(Options, BadValuesAreNamedAndLeaveTheFieldAlone) {
  const char* bad[] = {"verify=4",
                       "verify=",
                       "verify",
                       "verify=2x",
                       "verify=-1",
                       "verify=99999999999999999999999",
                       "reserve=K",
                       "reserve=1KB",
                       "reserve=99999999999999T",
                       "reserve=x",
                       "foreign=perhaps",
                       "hugepages=never",
                       "stats=",
                       "stats_pid=4294967296"};
  for (const char* setting : bad) {
    Options options;
    const std::string warnings = WarningsOf(options, setting);
    EXPECT_NE(warnings.find(std::string("here: not a value of it: ") + setting + " (it takes "),
              std::string::npos)
        << setting << " -> " << warnings;
    EXPECT_EQ(options.verify, 1U);
    EXPECT_EQ(options.reserve, Bytes(0));
    EXPECT_EQ(options.foreign, ForeignPointer::kAbort);
    EXPECT_EQ(options.stats_pid, 0U);
  }
}

TEST(Options, WhatAnOptionTakesIsSaidHoweverLongTheValueWas) {
  Options options;
  EXPECT_NE(WarningsOf(options, "hugepages=on").find(" (it takes auto, off or eager)\n"),
            std::string::npos);
  EXPECT_NE(WarningsOf(options, "verify=" + std::string(1000, '9')).find("... (it takes 0 to 3)\n"),
            std::string::npos);
}

TEST(Options, UnknownNamesAreNamedOnceAndTheRestIsRead) {
  Options options;
  const std::string warnings = WarningsOf(options, "speed=11,verify=2");
  EXPECT_NE(warnings.find("here: no such option: speed=11\n"), std::string::npos) << warnings;
  EXPECT_EQ(warnings.find('\n'), warnings.size() - 1) << "one line only";
  EXPECT_EQ(options.verify, 2U);
}

TEST(Options, ATextThatDoesNotFitIsRefusedWhole) {
  Options options;
  const std::string longest(Options::kTextCapacity - 1, 'p');
  EXPECT_EQ(options.Set("stats_json", longest.c_str()), OptionResult::kDone);
  EXPECT_EQ(options.Set("stats_json", (longest + "q").c_str()), OptionResult::kBadValue);
  EXPECT_EQ(options.stats_json, longest);
}

TEST(Options, SetTellsWhyItRefuses) {
  Options options;
  EXPECT_EQ(options.Set("verify", "2"), OptionResult::kDone);
  EXPECT_EQ(options.Set("verify", "two"), OptionResult::kBadValue);
  EXPECT_EQ(options.Set("velocity", "2"), OptionResult::kUnknownName);
  EXPECT_EQ(options.Set("reserve", "1G"), OptionResult::kAtStartOnly);
  EXPECT_EQ(options.verify, 2U);
  EXPECT_EQ(options.reserve, Bytes(0));
}

TEST(Options, GetGivesWhatSetTakes) {
  Options options;
  for (const char* name : {"verify", "foreign", "zero_realloc", "stats", "stats_pid"}) {
    const std::string before = ValueOf(options, name);
    EXPECT_EQ(options.Set(name, before.c_str()), OptionResult::kDone) << name;
    EXPECT_EQ(ValueOf(options, name), before);
  }
  EXPECT_EQ(WarningsOf(options, "reserve=2M"), "");
  EXPECT_EQ(ValueOf(options, "reserve"), "2097152");
  char value[8];
  EXPECT_FALSE(options.Get("velocity", value, sizeof value));
}

TEST(Options, GetCutsToTheCapacity) {
  Options options;
  EXPECT_EQ(options.Set("stats_json", "/some/path"), OptionResult::kDone);
  EXPECT_EQ(ValueOf(options, "stats_json", 6), "/some");
  EXPECT_EQ(ValueOf(options, "stats_json", 1), "");
  EXPECT_TRUE(options.Get("stats_json", nullptr, 0));
}

TEST_F(OptionsPlaces, TheSymbolIsReadAndTheEnvironmentWins) {
  spanheap_conf = "verify=2,stats_pid=5";
  setenv("SPANHEAP", "verify=3", 1);
  Options options;
  options.Load();
  EXPECT_EQ(options.verify, 3U);
  EXPECT_EQ(options.stats_pid, 5U);
  EXPECT_EQ(options.Set("verify", "0"), OptionResult::kDone);
  EXPECT_EQ(options.verify, 0U);
}

TEST_F(OptionsPlaces, AnEnvironmentTooLongIsCutWithALine) {
  setenv("SPANHEAP", ("verify=2," + std::string(5000, ',')).c_str(), 1);
  Options options;
  testing::internal::CaptureStderr();
  options.Load();
  EXPECT_NE(testing::internal::GetCapturedStderr().find("too long"), std::string::npos);
  EXPECT_EQ(options.verify, 2U);
}

// 4095 bytes are read: of the second number two digits would be.
TEST_F(OptionsPlaces, WhatIsCutOffIsNotTakenForAnotherValue) {
  setenv("SPANHEAP", (std::string(4095 - 12, ',') + "stats_pid=123456").c_str(), 1);
  Options options;
  testing::internal::CaptureStderr();
  options.Load();
  EXPECT_NE(testing::internal::GetCapturedStderr().find("too long"), std::string::npos);
  EXPECT_EQ(options.stats_pid, 0U);
}

}  // namespace
}  // namespace spanheap
