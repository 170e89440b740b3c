// SPDX-License-Identifier: MIT
#include "mutators/inline_data.h"

#include <gtest/gtest.h>

#include <thread>

#include "mutators/barrier.h"

namespace spanheap {
namespace {

thread_local char* copied_words = nullptr;
sh_inline_data_v1 copied_data{};
InlineMirror mirror{&copied_data, [](char* words) noexcept { copied_words = words; }, nullptr};

// One test: a mirror is never taken back.
TEST(InlineDataTest, AMirrorSaysWhatTheOriginalSays) {
  char words[8];
  SetInlineWords(words);
  MirrorInline(mirror);
  EXPECT_EQ(copied_words, words);
  SetInlineWords(words + 1);
  EXPECT_EQ(sh_inline_words_v1, words + 1);
  EXPECT_EQ(copied_words, words + 1);
  std::thread([] {
    EXPECT_EQ(sh_inline_words_v1, nullptr);
    EXPECT_EQ(copied_words, nullptr);
  }).join();
  SetInlineWords(nullptr);
  EXPECT_EQ(copied_words, nullptr);
  SetBarrier(true);
  EXPECT_EQ(copied_data.barrier_on, 1U);
  SetBarrier(false);
  EXPECT_EQ(copied_data.barrier_on, 0U);
}

}  // namespace
}  // namespace spanheap
