// SPDX-License-Identifier: MIT
#include "os/environment.h"

#include <unistd.h>

#include "base/check.h"
#include "base/platform.h"
#include "os/keep_errno.h"
#include "os/small_file.h"

namespace spanheap::os {
namespace {

// Takes "name=value" texts a character at a time and keeps the value of the first that matches.
class VariableMatcher {
 public:
  VariableMatcher(const char* name, char* value, size_t capacity)
      : name_(name), value_(value), capacity_(capacity) {
    SPANHEAP_CHECK(capacity > 0);
    value_[0] = '\0';
  }

  // True at the end of the text that matched.
  bool Take(char c) {
    if (c == '\0') return TakeEnd();
    if (state_ == State::kValue) {
      if (length_ + 1 < capacity_) value_[length_] = c;
      ++length_;
    } else if (state_ == State::kName) {
      if (c == '=' && name_[matched_] == '\0') {
        state_ = State::kValue;
      } else if (name_[matched_] == c) {
        ++matched_;
      } else {
        state_ = State::kOther;
      }
    }
    return false;
  }
  long length() const { return static_cast<long>(length_); }

 private:
  enum class State { kName, kValue, kOther };

  bool TakeEnd() {
    if (state_ == State::kValue) {
      value_[length_ < capacity_ ? length_ : capacity_ - 1] = '\0';
      return true;
    }
    state_ = State::kName;
    matched_ = 0;
    return false;
  }

  const char* const name_;
  char* const value_;
  const size_t capacity_;
  State state_ = State::kName;
  size_t matched_ = 0;  // characters of the name seen
  size_t length_ = 0;   // characters of the value seen
};

bool TakeText(VariableMatcher& matcher, const char* text) {
  for (; *text != '\0'; ++text) matcher.Take(*text);
  return matcher.Take('\0');
}

}  // namespace

long ReadEnvironmentFile(const char* path, const char* name, char* value, size_t capacity) {
  KeepErrno keep;
  VariableMatcher matcher(name, value, capacity);
  SmallFile file(path);
  char piece[512];
  for (;;) {
    const long got = file.Read(piece, sizeof piece);
    for (long i = 0; i < got; ++i) {
      if (matcher.Take(piece[i])) return matcher.length();
    }
    if (got < static_cast<long>(sizeof piece)) break;
  }
  value[0] = '\0';
  return -1;
}

SPANHEAP_AT_START long ReadEnvironment(const char* name, char* value, size_t capacity) {
  if (environ == nullptr) return ReadEnvironmentFile("/proc/self/environ", name, value, capacity);
  VariableMatcher matcher(name, value, capacity);
  for (char** at = environ; *at != nullptr; ++at) {
    if (TakeText(matcher, *at)) return matcher.length();
  }
  return -1;
}

}  // namespace spanheap::os
