// SPDX-License-Identifier: MIT
//
// Rows on the operators: the eight ways to say new, the twelve to say delete, and what happens when
// memory is short.
#include <cstdint>
#include <cstdlib>
#include <new>

#include "conformance.h"

namespace conformance {
namespace {

volatile size_t too_much = size_t{1} << 61;
constexpr std::align_val_t kAlignment{256};
int handler_calls = 0;

// Restores the handler at the end of a row.
class HandlerScope {
 public:
  explicit HandlerScope(std::new_handler handler) : before_(std::set_new_handler(handler)) {
    handler_calls = 0;
  }
  ~HandlerScope() { std::set_new_handler(before_); }

 private:
  std::new_handler before_;
};

bool IsAligned(const void* p) { return reinterpret_cast<uintptr_t>(p) % 256 == 0; }

void PlainPairs(Verdict& v) {
  constexpr size_t kSizes[] = {0, 1, 24, 1000, 40000, size_t{3} << 20, size_t{40} << 20};
  for (size_t n : kSizes) {
    void* p[6];
    for (int i = 0; i < 3; ++i) p[i] = ::operator new(n);
    for (int i = 3; i < 6; ++i) p[i] = ::operator new[](n);
    for (void* block : p) EXPECT(v, block != nullptr);
    ::operator delete(p[0]);
    ::operator delete(p[1], n);
    ::operator delete(p[2], std::nothrow);
    ::operator delete[](p[3]);
    ::operator delete[](p[4], n);
    ::operator delete[](p[5], std::nothrow);
    ::operator delete(::operator new(n, std::nothrow), std::nothrow);
    ::operator delete[](::operator new[](n, std::nothrow), std::nothrow);
  }
  v.Note("4 new, 6 delete");
}

void AlignedPairs(Verdict& v) {
  constexpr size_t kSizes[] = {0, 1, 24, 1000, 40000, size_t{3} << 20};
  for (size_t n : kSizes) {
    void* p[8];
    for (int i = 0; i < 3; ++i) p[i] = ::operator new(n, kAlignment);
    for (int i = 3; i < 6; ++i) p[i] = ::operator new[](n, kAlignment);
    p[6] = ::operator new(n, kAlignment, std::nothrow);
    p[7] = ::operator new[](n, kAlignment, std::nothrow);
    for (void* block : p) EXPECT(v, block != nullptr && IsAligned(block));
    ::operator delete(p[0], kAlignment);
    ::operator delete(p[1], n, kAlignment);
    ::operator delete(p[2], kAlignment, std::nothrow);
    ::operator delete[](p[3], kAlignment);
    ::operator delete[](p[4], n, kAlignment);
    ::operator delete[](p[5], kAlignment, std::nothrow);
    ::operator delete(p[6], kAlignment);
    ::operator delete[](p[7], kAlignment);
  }
  ::operator delete(nullptr);
  ::operator delete[](nullptr, kAlignment);
  v.Note("4 new, 6 delete, aligned to 256");
}

template <class New>
bool Throws(New allocate) {
  try {
    Use(allocate());
  } catch (const std::bad_alloc&) {
    return true;
  }
  return false;
}

void ThrowsBadAlloc(Verdict& v) {
  const HandlerScope scope(nullptr);
  EXPECT(v, Throws([] { return ::operator new(too_much); }));
  EXPECT(v, Throws([] { return ::operator new[](too_much); }));
  EXPECT(v, Throws([] { return ::operator new(too_much, kAlignment); }));
  EXPECT(v, Throws([] { return ::operator new[](too_much, kAlignment); }));
  EXPECT(v, Throws([] { return ::operator new(SIZE_MAX); }));
  EXPECT(v, Throws([] { return new char[too_much]; }));
  v.Note("std::bad_alloc from 4 operators");
}

void NothrowGivesNull(Verdict& v) {
  const HandlerScope scope(nullptr);
  EXPECT(v, ::operator new(too_much, std::nothrow) == nullptr);
  EXPECT(v, ::operator new[](too_much, std::nothrow) == nullptr);
  EXPECT(v, ::operator new(too_much, kAlignment, std::nothrow) == nullptr);
  EXPECT(v, ::operator new[](too_much, kAlignment, std::nothrow) == nullptr);
  v.Note("null from 4 operators");
}

void CountThenGiveUp() {
  if (++handler_calls % 3 == 0) std::set_new_handler(nullptr);
}

void HandlerIsCalledAgain(Verdict& v) {
  {
    const HandlerScope scope(CountThenGiveUp);
    EXPECT(v, Throws([] { return ::operator new(too_much); }) && handler_calls == 3);
  }
  {
    const HandlerScope scope(CountThenGiveUp);
    EXPECT(v, Throws([] { return ::operator new(too_much, kAlignment); }) && handler_calls == 3);
  }
  {
    const HandlerScope scope(CountThenGiveUp);
    EXPECT(v, ::operator new(too_much, std::nothrow) == nullptr&& handler_calls == 3);
  }
  v.Note("3 calls until it gave up");
}

int calls_left = 0;
void ThrowAtLast() {
  if (--calls_left == 0) throw std::bad_alloc();
}

void HandlerMayThrow(Verdict& v) {
  const HandlerScope scope(ThrowAtLast);
  calls_left = 5;
  EXPECT(v, Throws([] { return ::operator new(too_much); }) && calls_left == 0);
  calls_left = 2;
  EXPECT(v, ::operator new(too_much, std::nothrow) == nullptr&& calls_left == 0);
  calls_left = 1;
  EXPECT(v, ::operator new[](too_much, kAlignment, std::nothrow) == nullptr&& calls_left == 0);
  v.Note("what it throws arrives; nothrow turns it into null");
}

struct ThrowingConstructor {
  ThrowingConstructor() { throw 7; }
  char data[100];
};

void ConstructorThrowsUnderNothrow(Verdict& v) {
  bool caught = false;
  try {
    Use(new (std::nothrow) ThrowingConstructor);
  } catch (int) {
    caught = true;
  }
  EXPECT(v, caught);
  v.Note("freed through the nothrow delete");
}

}  // namespace

Rows CxxRows() {
  return {
      {"operators", "new, new[], nothrow; delete, sized, nothrow", PlainPairs},
      {"operators", "the same with an alignment", AlignedPairs},
      {"operators", "throwing forms throw std::bad_alloc", ThrowsBadAlloc},
      {"operators", "nothrow forms return null", NothrowGivesNull},
      {"new-handler", "called again and again until there is none", HandlerIsCalledAgain},
      {"new-handler", "its exception passes; nothrow forms return null", HandlerMayThrow},
      {"operators", "a constructor that throws under new(nothrow)", ConstructorThrowsUnderNothrow},
  };
}

}  // namespace conformance
