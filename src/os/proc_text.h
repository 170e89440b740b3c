// SPDX-License-Identifier: MIT
//
// Numbers in the text of /proc's status files, without stdio.
#pragma once

#include <cstdint>
#include <cstring>

namespace spanheap::os {

// The digits of `base` (10 or 16, lower case) that follow `key` in `text`. False: there is no such
// key.
inline bool NumberAfter(const char* text, const char* key, unsigned base, uint64_t& number) {
  const char* at = strstr(text, key);
  if (at == nullptr) return false;
  number = 0;
  for (at += strlen(key);; ++at) {
    const bool is_letter = base == 16 && *at >= 'a' && *at <= 'f';
    if (!is_letter && (*at < '0' || *at > '9')) return true;
    number = number * base + static_cast<uint64_t>(is_letter ? *at - 'a' + 10 : *at - '0');
  }
}

}  // namespace spanheap::os
