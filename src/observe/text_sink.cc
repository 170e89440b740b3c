// SPDX-License-Identifier: MIT
#include "observe/text_sink.h"

#include <algorithm>
#include <cstring>

#include "os/output.h"

namespace spanheap {
namespace {

bool WriteToDescriptor(void* context, const char* data, size_t size) {
  return os::WriteAll(static_cast<int>(reinterpret_cast<intptr_t>(context)), data, size);
}

// A number's text; all such texts are shorter than this.
struct Cell {
  char text[32];
  size_t size = 0;

  void Char(char c) { text[size++] = c; }
  void Text(const char* s) {
    while (*s != '\0') Char(*s++);
  }
  void Decimal(uint64_t n) {
    char reversed[20];
    size_t length = 0;
    do {
      reversed[length++] = static_cast<char>('0' + n % 10);
      n /= 10;
    } while (n != 0);
    while (length > 0) Char(reversed[--length]);
  }
  void Tenths(uint64_t n) {
    Decimal(n / 10);
    Char('.');
    Char(static_cast<char>('0' + n % 10));
  }
  const char* Ended() {
    text[size] = '\0';
    return text;
  }
};

// part / whole * scale, rounded; no product overflows.
uint64_t Share(uint64_t part, uint64_t whole, uint64_t scale) {
  if (whole == 0) return 0;
  while (part > UINT64_MAX / scale / 2) {
    part >>= 1;
    whole >>= 1;
  }
  return (part * scale + whole / 2) / std::max<uint64_t>(whole, 1);
}

void FormatSize(uint64_t bytes, Cell& cell) {
  static constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) {
    cell.Decimal(bytes);
    cell.Text(" B");
    return;
  }
  // `scaled` counts units of 1/1024 of the unit named.
  uint64_t scaled = bytes;
  size_t unit = 0;
  while (Share(scaled, 1024, 10) >= 10240) {
    scaled >>= 10;
    ++unit;
  }
  cell.Tenths(Share(scaled, 1024, 10));
  cell.Char(' ');
  cell.Text(kUnits[unit]);
}

}  // namespace

TextSink::TextSink(int descriptor)
    : TextSink(WriteToDescriptor, reinterpret_cast<void*>(static_cast<intptr_t>(descriptor))) {}

TextSink& TextSink::Char(char c) {
  if (used_ == sizeof buffer_) Flush();
  buffer_[used_++] = c;
  return *this;
}

TextSink& TextSink::Text(const char* s) {
  while (*s != '\0') Char(*s++);
  return *this;
}

TextSink& TextSink::Decimal(uint64_t n) { return RightDecimal(n, 0); }

TextSink& TextSink::Repeat(char c, size_t times) {
  for (; times > 0; --times) Char(c);
  return *this;
}

TextSink& TextSink::LeftText(const char* s, size_t width) {
  const size_t length = strlen(s);
  return Text(s).Repeat(' ', width > length ? width - length : 0);
}

TextSink& TextSink::RightText(const char* s, size_t width) {
  const size_t length = strlen(s);
  return Repeat(' ', width > length ? width - length : 0).Text(s);
}

TextSink& TextSink::RightDecimal(uint64_t n, size_t width) {
  Cell cell;
  cell.Decimal(n);
  return RightText(cell.Ended(), width);
}

TextSink& TextSink::RightSize(uint64_t bytes, size_t width) {
  Cell cell;
  FormatSize(bytes, cell);
  return RightText(cell.Ended(), width);
}

TextSink& TextSink::RightPercent(uint64_t part, uint64_t whole, size_t width) {
  Cell cell;
  cell.Tenths(Share(part, whole, 1000));
  cell.Text(" %");
  return RightText(cell.Ended(), width);
}

TextSink& TextSink::Bar(uint64_t part, uint64_t whole, size_t width) {
  const uint64_t length = Share(part, whole, width);
  return Repeat('#', part > 0 ? std::clamp<uint64_t>(length, 1, width) : 0);
}

bool TextSink::Finish() {
  Flush();
  return is_whole_;
}

void TextSink::Flush() {
  if (used_ > 0 && is_whole_) is_whole_ = writer_(context_, buffer_, used_);
  used_ = 0;
}

}  // namespace spanheap
