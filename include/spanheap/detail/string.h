// SPDX-License-Identifier: MIT
//
// string.h: String, text with collected storage: a value of two words that lives where a Ptr may.
//
// Idea.    The text never changes, so copies and substr() share it, in constant time; adding makes
//          a new text. Every text made here is followed by a zero that does not count.
// Threads. Texts are shared freely; one String as a plain pointer.
// Fails.   Throws std::bad_alloc.
#ifndef SPANHEAP_DETAIL_STRING_H
#define SPANHEAP_DETAIL_STRING_H

#include <compare>
#include <cstddef>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "spanheap/detail/create.h"
#include "spanheap/detail/hash_map.h"
#include "spanheap/detail/layout.h"
#include "spanheap/detail/pointer.h"

namespace spanheap {

class String {
 public:
  String() noexcept = default;
  String(std::string_view text) { Join(text, {}); }
  String(const char* text) : String(std::string_view(text)) {}
  String(const std::string& text) : String(std::string_view(text)) {}

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  const char* data() const noexcept { return text_.get(); }
  std::string_view view() const noexcept { return {data(), size_}; }
  operator std::string_view() const noexcept { return view(); }
  char operator[](std::size_t i) const noexcept { return data()[i]; }
  const char* begin() const noexcept { return data(); }
  const char* end() const noexcept { return data() + size_; }

  // With a zero behind; a copy if this is the front part of a longer text.
  const char* c_str() const {
    if (size_ == 0) return "";
    return data()[size_] == '\0' ? data() : String(view()).data();
  }
  // Shares the text, which is kept alive as a whole.
  String substr(std::size_t from, std::size_t count = std::string_view::npos) const {
    const std::string_view part = view().substr(from, count);
    String shared;
    if (part.empty()) return shared;  // its address might be that of the next object
    shared.text_ = part.data();
    shared.size_ = part.size();
    return shared;
  }

  String& operator+=(std::string_view more) {
    Join(view(), more);
    return *this;
  }
  friend String operator+(const String& a, const String& b) { return Joined(a, b); }
  friend String operator+(const String& a, const char* b) { return Joined(a, b); }
  friend String operator+(const char* a, const String& b) { return Joined(a, b); }

  friend bool operator==(const String& a, const String& b) noexcept { return a.view() == b.view(); }
  friend bool operator==(const String& a, std::string_view b) noexcept { return a.view() == b; }
  friend bool operator==(const String& a, const char* b) noexcept { return a.view() == b; }
  friend bool operator==(const String& a, const std::string& b) noexcept { return a.view() == b; }
  friend std::strong_ordering operator<=>(const String& a, const String& b) noexcept {
    return a.view() <=> b.view();
  }

 private:
  SH_LAYOUT(String, text_);

  static String Joined(std::string_view a, std::string_view b) {
    String both;
    both.Join(a, b);
    return both;
  }
  void Join(std::string_view a, std::string_view b) {
    if (a.size() + b.size() == 0) return;
    char* const text = NewArray<char>(a.size() + b.size() + 1);
    if (!a.empty()) std::memcpy(text, a.data(), a.size());
    if (!b.empty()) std::memcpy(text + a.size(), b.data(), b.size());
    text_ = text;
    size_ = a.size() + b.size();
  }

  Ptr<const char> text_;
  std::size_t size_ = 0;
};

template <>
struct KeyHash<String> {
  std::size_t operator()(std::string_view text) const noexcept {
    return std::hash<std::string_view>()(text);
  }
};

}  // namespace spanheap

template <>
struct std::hash<spanheap::String> : spanheap::KeyHash<spanheap::String> {};

#endif
