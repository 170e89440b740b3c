// SPDX-License-Identifier: MIT
#include "base/fatal.h"

#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>
#include <cstdlib>

#include "base/check.h"
#include "base/line_writer.h"

namespace spanheap {
namespace {

LineWriter Opening() {
  LineWriter line;
  line.Text("spanheap[").Decimal(static_cast<uint64_t>(getpid())).Text("]: ");
  return line;
}

// By number: libc's write is a cancellation point, and a thread that is about to be cancelled would
// end there, in the middle of malloc, instead of the process.
void Emit(LineWriter& line) {
  line.Char('\n');
  const char* at = line.data();
  size_t left = line.size();
  while (left > 0) {
    const long written = syscall(SYS_write, STDERR_FILENO, at, left);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    at += written;
    left -= static_cast<size_t>(written);
  }
}

[[noreturn]] void Die(LineWriter& line) {
  Emit(line);
  abort();
}

LineWriter Call(const char* call, Address p) {
  LineWriter line = Opening();
  line.Text(call).Char('(').Pointer(p).Text("): ");
  return line;
}

void AddFacts(LineWriter& line, const BlockFacts& facts) {
  if (facts.class_size.value != 0) line.Text(", class ").Decimal(facts.class_size.value);
  if (facts.span_base.value == 0) return;
  line.Text(", span ").Pointer(facts.span_base).Char('+').Decimal(facts.span_pages.value);
  line.Text(facts.span_pages.value == 1 ? " page" : " pages");
}

[[noreturn]] void DieOfCall(const char* call, Address p, const char* cause,
                            const BlockFacts& facts) {
  LineWriter line = Call(call, p);
  line.Text(cause);
  AddFacts(line, facts);
  Die(line);
}

}  // namespace

void FatalInternal(const char* what, const char* file, int line_number) {
  LineWriter line = Opening();
  line.Text("internal error: ").Text(what).Text(" at ").Text(file).Char(':');
  line.Decimal(static_cast<uint64_t>(line_number));
  Die(line);
}

void FatalDoubleFree(const char* call, Address p, BlockFacts facts) {
  DieOfCall(call, p, "double free: the block is free already", facts);
}

void FatalMisalignedFree(const char* call, Address p, BlockFacts facts) {
  DieOfCall(call, p, "invalid pointer: not the start of a block", facts);
}

void FatalForeignPointer(const char* call, Address p) {
  DieOfCall(call, p, "foreign pointer: not from this heap", {});
}

void FatalNoBlock(const char* call, Address p, BlockFacts facts) {
  DieOfCall(call, p, "invalid pointer: no block lives there (freed already?)", facts);
}

void FatalCollectedObject(const char* call, Address p, BlockFacts facts) {
  DieOfCall(call, p, "wrong heap: this belongs to the collected heap", facts);
}

void FatalMallocBlock(const char* call, Address p, BlockFacts facts) {
  DieOfCall(call, p, "wrong heap: this belongs to malloc", facts);
}

void FatalWrongSize(const char* call, Address p, Bytes claimed, BlockFacts facts) {
  LineWriter line = Call(call, p);
  line.Text("wrong size: the caller says ").Decimal(claimed.value);
  AddFacts(line, facts);
  Die(line);
}

void FatalWrongAlignment(const char* call, Address p, Bytes claimed, BlockFacts facts) {
  LineWriter line = Call(call, p);
  line.Text("wrong alignment: the caller says ").Decimal(claimed.value);
  AddFacts(line, facts);
  Die(line);
}

void FatalZeroRealloc(const char* call, Address p) {
  DieOfCall(call, p, "size 0: frees the block in one C library and keeps it in another", {});
}

void FatalNoSuchRoot(const char* call, Address p) {
  DieOfCall(call, p, "no root: it was freed before", {});
}

void FatalNoSuchRange(const char* call, Address p) {
  DieOfCall(call, p, "no such range: none was added with these bounds", {});
}

void FatalStackInUse(const char* call, Address p) {
  DieOfCall(call, p, "a thread runs on this stack", {});
}

void FatalNotBlocking(const char* call) {
  LineWriter line = Opening();
  line.Text(call).Text("(): no blocking region is open on this thread");
  Die(line);
}

void FatalNoSuchStack(const char* call, Address p) {
  DieOfCall(call, p, "no such stack: it was unregistered before", {});
}

void FatalUnknownKind(const char* call, Address p, uint32_t kind) {
  LineWriter line = Call(call, p);
  line.Text("a layout of the unknown kind ").Decimal(kind);
  Die(line);
}

void FatalHollowLayout(const char* call, Address p, const char* missing) {
  LineWriter line = Call(call, p);
  line.Text("a layout whose ").Text(missing).Text(" is null");
  Die(line);
}

void FatalOddLayout(const char* call, Address p, Bytes element) {
  LineWriter line = Call(call, p);
  line.Text("a layout with pointer bits whose elements have ").Decimal(element.value);
  line.Text(" bytes, no multiple of 8");
  Die(line);
}

void FatalFreeOfFreePages(PageIndex first, Pages count) {
  LineWriter line = Opening();
  line.Text("internal error: freeing free pages ").Decimal(first.value).Char('+');
  line.Decimal(count.value);
  Die(line);
}

void FatalNoHandler(const char* call, Bytes wanted) {
  LineWriter line = Opening();
  line.Text(call).Char('(').Decimal(wanted.value);
  line.Text("): out of memory, and no C++ runtime is loaded to throw std::bad_alloc");
  Die(line);
}

void WarnLine(const char* text, const char* detail) {
  const int kept_errno = errno;
  LineWriter line = Opening();
  line.Text(text).Text(detail);
  Emit(line);
  errno = kept_errno;
}

}  // namespace spanheap
