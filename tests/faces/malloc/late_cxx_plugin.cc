// SPDX-License-Identifier: MIT
//
// The C++ that a C program loads late: its exceptions must work though the heap, loaded before any
// C++ runtime, was linked to none. Returns 0 if all is as it should be.
#include <new>
#include <string>

namespace {

volatile size_t too_much = size_t{1} << 61;
int handler_calls = 0;

bool ThrowsBadAlloc() {
  try {
    return ::operator new(too_much) == nullptr;
  } catch (const std::bad_alloc&) {
    return true;
  }
}

bool AsksTheHandler() {
  std::set_new_handler([] {
    if (++handler_calls == 2) std::set_new_handler(nullptr);
  });
  return ThrowsBadAlloc() && handler_calls == 2;
}

}  // namespace

extern "C" int run_plugin() {
  if (!ThrowsBadAlloc()) return 10;
  if (!AsksTheHandler()) return 11;
  if (::operator new(too_much, std::nothrow) != nullptr) return 12;
  const std::string text(100000, 'x');
  return text.back() == 'x' ? 0 : 13;
}
