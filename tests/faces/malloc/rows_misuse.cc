// SPDX-License-Identifier: MIT
//
// Rows on misuse: one line on stderr that names the process, the call and the address, then abort.
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "conformance.h"
#include "foreign_names.h"

namespace conformance {
namespace {

// Whether the line is to say of which size and where the block is.
enum class Facts { kNone, kKnown };

// One line: "spanheap[<pid>]: <call>(0x<address>): <cause>, class <bytes>, span <start>+<pages>".
// `call` may be empty: any will do.
bool IsAbortLine(const Outcome& outcome, const char* call, const char* cause, Facts facts) {
  const std::string& text = outcome.errors;
  const bool has_facts =
      text.find(", class ") != std::string::npos && text.find(", span 0x") != std::string::npos;
  return outcome.killed_by(SIGABRT) && text.rfind("spanheap[", 0) == 0 &&
         text.find('\n') == text.size() - 1 &&
         text.find((*call == '\0' ? std::string() : std::string("]: ") + call) + "(0x") !=
             std::string::npos &&
         text.find(cause) != std::string::npos && has_facts == (facts == Facts::kKnown);
}

void ExpectAbort(Verdict& v, const char* call, const char* cause,
                 const std::function<void()>& misuse, Facts facts = Facts::kKnown) {
  const Outcome outcome = RunForked([&] {
    misuse();
    return 0;
  });
  const bool as_stated = IsAbortLine(outcome, call, cause, facts);
  const std::string what = std::string(call) + ": want \"" + cause + "\", got \"" +
                           outcome.errors.substr(0, outcome.errors.find('\n')) + "\"";
  v.Expect(as_stated, what.c_str(), __LINE__);
}

// The compiler must not see that the pointers are the same, or what they point to.
void* Hidden(void* p) {
  asm volatile("" : "+r"(p));
  return p;
}

// Fills and empties this thread's caches, and has what waits on the shelf go back, so that blocks
// reach their spans.
void Churn() {
  std::vector<void*> blocks(20000);
  for (size_t n : {48, 48, 48}) {
    for (void*& p : blocks) p = malloc(n);
    for (void* p : blocks) free(p);
  }
  malloc_trim(0);
}

// Who is to be cancelled does not get away with it: nothing on the way to the line is a
// cancellation point.
void DoubleFreeWhileCancelled(Verdict& v) {
  ExpectAbort(v, "free", "double free", [] {
    pthread_cancel(pthread_self());
    void* p = malloc(64);
    void* same = Hidden(p);
    free(p);
    free(same);
  });
}

void DoubleFreeTopOfStack(Verdict& v) {
  ExpectAbort(v, "free", "double free", [] {
    void* p = malloc(48);
    free(p);
    free(Hidden(p));
  });
  v.Note("at once");
}

void DoubleFreeAtFlush(Verdict& v) {
  // The call on the line is the one that brings the block there.
  ExpectAbort(v, "", "double free", [] {
    void* p = malloc(48);
    void* q = malloc(48);
    free(p);
    free(q);
    free(Hidden(p));
    Churn();
  });
  v.Note("when the block reaches its span");
}

void DoubleFreeLarge(Verdict& v) {
  for (size_t n : {size_t{200} << 10, size_t{2} << 20, size_t{64} << 20}) {
    ExpectAbort(v, "free", "double free", [n] {
      void* p = malloc(n);
      free(p);
      free(Hidden(p));
      Churn();
    });
  }
  v.Note("200 KiB, 2 MiB, 64 MiB");
}

void DoubleFreeVerified(Verdict& v) {
  if (sh_set == nullptr) return v.Skip("not spanheap");
  for (size_t n :
       {size_t{48}, size_t{5000}, size_t{200} << 10, size_t{2} << 20, size_t{64} << 20}) {
    ExpectAbort(v, "free", "double free", [n] {
      if (sh_set("verify", "2") != 0) return;
      void* p = malloc(n);
      void* q = malloc(n);
      free(p);
      free(q);
      free(Hidden(p));
    });
  }
  v.Note("at the call");
}

void MisalignedFree(Verdict& v) {
  ExpectAbort(v, "free", "not the start of a block", [] {
    if (sh_set != nullptr) sh_set("verify", "2");
    free(static_cast<char*>(Hidden(malloc(48))) + 16);
  });
  ExpectAbort(v, "free", "not the start",
              [] { free(static_cast<char*>(Hidden(malloc(1 << 20))) + 8192); });
  ExpectAbort(v, "free", "not the start",
              [] { free(static_cast<char*>(Hidden(malloc(200 << 10))) + 8192); });
  ExpectAbort(v, "", "not the start", [] {
    free(static_cast<char*>(Hidden(malloc(200 << 10))) + 16);
    Churn();
  });
  v.Note("inside a small, a medium and a large block");
}

void ForeignPointer(Verdict& v) {
  const auto expect = [&v](const char* call, const std::function<void()>& misuse) {
    ExpectAbort(v, call, "foreign pointer", misuse, Facts::kNone);
  };
  expect("free", [] {
    alignas(16) char on_stack[64];
    free(Hidden(on_stack));
  });
  expect("free", [] {
    free(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  });
  expect("realloc", [] {
    static char in_data[64];
    Use(realloc(Hidden(in_data), 100));
  });
  v.Note("stack, mapping, static data");
}

void ForeignPointerIgnored(Verdict& v) {
  if (sh_set == nullptr) return v.Skip("not spanheap");
  const Outcome outcome = RunForked([] {
    if (sh_set("foreign", "ignore") != 0) return 2;
    alignas(16) char on_stack[64];
    free(Hidden(on_stack));
    free(malloc(10));
    if (malloc_usable_size(Hidden(on_stack)) != 0) return 3;
    errno = 0;
    if (realloc(Hidden(on_stack), 100) != nullptr || errno != ENOMEM) return 4;
    return 0;
  });
  EXPECT_ENDED(v, outcome, exited_with(0));
  v.Note("free does nothing, realloc: null and ENOMEM, usable size 0");
}

void WrongKindOfFree(Verdict& v) {
  if (sh_gc_new == nullptr) return v.Skip("not spanheap");
  static sh_layout layout = {48, SH_SCAN_CONSERVATIVE, 0, nullptr, nullptr, nullptr, "node", 0, 0};
  ExpectAbort(v, "free", "belongs to the collected heap",
              [] { free(Hidden(sh_gc_new(&layout, 1))); });
  ExpectAbort(v, "sh_gc_delete", "belongs to malloc", [] { sh_gc_delete(Hidden(malloc(48))); });
  v.Note("both ways");
}

void WrongSize(Verdict& v) {
  if (sh_set == nullptr || free_sized == nullptr) return v.Skip("not spanheap");
  ExpectAbort(v, "free_sized", "wrong size", [] {
    sh_set("verify", "2");
    free_sized(Hidden(malloc(48)), 500);
  });
  ExpectAbort(v, "operator delete(size)", "wrong size", [] {
    sh_set("verify", "2");
    ::operator delete(Hidden(::operator new(48)), 5000);
  });
  ExpectAbort(v, "free_aligned_sized", "wrong alignment", [] {
    sh_set("verify", "2");
    free_aligned_sized(static_cast<char*>(Hidden(malloc(48))), size_t{1} << 28, 48);
  });
  v.Note("at verify level 2");
}

void ZeroReallocDiagnosed(Verdict& v) {
  if (sh_set == nullptr) return v.Skip("not spanheap");
  ExpectAbort(
      v, "realloc", "size 0",
      [] {
        sh_set("zero_realloc", "abort");
        Use(realloc(Hidden(malloc(48)), 0));
      },
      Facts::kNone);
  v.Note("zero_realloc=abort");
}

}  // namespace

Rows MisuseRows() {
  return {
      {"double free", "at the top of the thread's cache: at once", DoubleFreeTopOfStack},
      {"double free", "on a thread that is to be cancelled", DoubleFreeWhileCancelled},
      {"double free", "any other: when it reaches its span, unless reused before",
       DoubleFreeAtFlush},
      {"double free", "large blocks", DoubleFreeLarge},
      {"double free", "at verify level 2: at the call", DoubleFreeVerified},
      {"invalid pointer", "inside of a block", MisalignedFree},
      {"foreign pointer", "one line and abort", ForeignPointer},
      {"foreign pointer", "foreign=ignore: no effect", ForeignPointerIgnored},
      {"wrong kind of free", "free of an object, sh_gc_delete of a block", WrongKindOfFree},
      {"wrong size", "sized frees at verify level 2", WrongSize},
      {"realloc(p, 0)", "an option takes it for a mistake", ZeroReallocDiagnosed},
  };
}

}  // namespace conformance
