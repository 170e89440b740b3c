// SPDX-License-Identifier: MIT
//
// throw.h: throws; in a program compiled without exceptions says why on stderr and aborts.
//
// Idea. Like what the C++ library throws of itself. The two have different names, so that parts of
//       a program may be compiled either way.
#ifndef SPANHEAP_DETAIL_THROW_H
#define SPANHEAP_DETAIL_THROW_H

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <stdexcept>

namespace spanheap::detail {

#if defined(__cpp_exceptions)
inline namespace with_exceptions {
template <class Exception>
[[noreturn, gnu::cold]] void Throw(const Exception& exception) {
  throw exception;
}
}  // namespace with_exceptions
#else
inline namespace without_exceptions {
template <class Exception>
[[noreturn, gnu::cold]] void Throw(const Exception& exception) {
  std::fprintf(stderr, "spanheap: %s, and this program has no exceptions\n", exception.what());
  std::abort();
}
}  // namespace without_exceptions
#endif

// After a call that has failed.
[[noreturn]] inline void ThrowWhy(const char* if_invalid) {
  if (errno == EINVAL) Throw(std::invalid_argument(if_invalid));
  Throw(std::bad_alloc());
}

}  // namespace spanheap::detail

#endif
