// SPDX-License-Identifier: MIT
//
// TextSink: text of any length through a small buffer, without allocation or stdio.
//
// Idea.    What is put in collects in the buffer; whenever it is full, and at the end, it is given
//          to a call: one that writes to a descriptor, to a FILE, into a string.
// Threads. One.
// Fails.   Once a call has failed, the rest is dropped and Finish says so.
// Tests.   tests/observe/text_sink_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>

namespace spanheap {

class TextSink {
 public:
  // Takes `size` bytes; false if it could not.
  using Writer = bool (*)(void* context, const char* data, size_t size);

  TextSink(Writer writer, void* context) : writer_(writer), context_(context) {}
  // To an open descriptor.
  explicit TextSink(int descriptor);
  ~TextSink() { Flush(); }
  TextSink(const TextSink&) = delete;
  TextSink& operator=(const TextSink&) = delete;

  TextSink& Char(char c);
  TextSink& Text(const char* s);
  TextSink& Decimal(uint64_t n);
  TextSink& Repeat(char c, size_t times);

  // In columns: filled up with spaces, never cut.
  TextSink& LeftText(const char* s, size_t width);
  TextSink& RightText(const char* s, size_t width);
  TextSink& RightDecimal(uint64_t n, size_t width);
  // "12.3 MiB" in binary units, plain below 1 KiB.
  TextSink& RightSize(uint64_t bytes, size_t width);
  // "12.3 %" of the whole; 0 of nothing.
  TextSink& RightPercent(uint64_t part, uint64_t whole, size_t width);
  // A bar as long as the part's share of `width`, at least one character if there is a part.
  TextSink& Bar(uint64_t part, uint64_t whole, size_t width);

  // Gives the rest to the writer. True if all that was put in has been written.
  bool Finish();

 private:
  void Flush();

  const Writer writer_;
  void* const context_;
  bool is_whole_ = true;  // no write has failed
  size_t used_ = 0;
  char buffer_[512];
};

}  // namespace spanheap
