// SPDX-License-Identifier: MIT
//
// A number of a command line.
#pragma once

#include <charconv>
#include <cstring>
#include <system_error>

namespace spanheap::bench {

// False: `text` is no whole number from `least` to `most`, and `number` is as it was.
template <class Number>
bool ReadWholeNumber(const char* text, Number least, Number most, Number& number) {
  const char* const end = text + std::strlen(text);
  Number read{};
  const auto [stop, error] = std::from_chars(text, end, read);
  if (error != std::errc() || stop != end || read < least || read > most) return false;
  number = read;
  return true;
}

}  // namespace spanheap::bench
