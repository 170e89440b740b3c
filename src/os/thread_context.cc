// SPDX-License-Identifier: MIT
#include "os/thread_context.h"

#include <csignal>
#include <cstring>

#include <ucontext.h>

#include "base/platform.h"

extern "C" [[gnu::visibility("hidden")]] void spanheap_call_with_registers(
    void* argument, spanheap::os::StackFunction function);

#if defined(__x86_64__)
asm(R"(
  .pushsection .text
  .hidden spanheap_call_with_registers
  .globl spanheap_call_with_registers
  .type spanheap_call_with_registers, @function
spanheap_call_with_registers:
  .cfi_startproc
  endbr64
  pushq %rbx
  .cfi_adjust_cfa_offset 8
  pushq %rbp
  .cfi_adjust_cfa_offset 8
  pushq %r12
  .cfi_adjust_cfa_offset 8
  pushq %r13
  .cfi_adjust_cfa_offset 8
  pushq %r14
  .cfi_adjust_cfa_offset 8
  pushq %r15
  .cfi_adjust_cfa_offset 8
  subq $8, %rsp
  .cfi_adjust_cfa_offset 8
  movq %rsi, %rax
  movq %rsp, %rsi
  call *%rax
  addq $56, %rsp
  .cfi_adjust_cfa_offset -56
  ret
  .cfi_endproc
  .size spanheap_call_with_registers, . - spanheap_call_with_registers
  .popsection
)");
#elif defined(__aarch64__)
asm(R"(
  .pushsection .text
  .hidden spanheap_call_with_registers
  .globl spanheap_call_with_registers
  .type spanheap_call_with_registers, %function
spanheap_call_with_registers:
  .cfi_startproc
  stp x29, x30, [sp, -160]!
  .cfi_def_cfa_offset 160
  .cfi_offset 29, -160
  .cfi_offset 30, -152
  mov x29, sp
  stp x19, x20, [sp, 16]
  stp x21, x22, [sp, 32]
  stp x23, x24, [sp, 48]
  stp x25, x26, [sp, 64]
  stp x27, x28, [sp, 80]
  stp d8, d9, [sp, 96]
  stp d10, d11, [sp, 112]
  stp d12, d13, [sp, 128]
  stp d14, d15, [sp, 144]
  mov x2, x1
  mov x1, sp
  blr x2
  ldp x29, x30, [sp], 160
  .cfi_restore 29
  .cfi_restore 30
  .cfi_def_cfa_offset 0
  ret
  .cfi_endproc
  .size spanheap_call_with_registers, . - spanheap_call_with_registers
  .popsection
)");
#else
// The compiler's own way to the same; the callee's frame begins below what it has written.
extern "C" __attribute__((noinline)) void spanheap_call_with_registers(
    void* argument, spanheap::os::StackFunction function) {
  __builtin_unwind_init();
  uintptr_t here = 0;
  function(argument, reinterpret_cast<uintptr_t>(&here));
  asm volatile("" : : "r"(&here) : "memory");
}
#endif

namespace spanheap::os {
namespace {

const ucontext_t& Context(const void* context) { return *static_cast<const ucontext_t*>(context); }

WordSpan Words(const void* start, size_t bytes) {
  const auto* begin = static_cast<const uintptr_t*>(start);
  return {begin, begin + bytes / sizeof(uintptr_t)};
}

}  // namespace

void CallWithRegistersOnStack(StackFunction function, void* argument) {
  spanheap_call_with_registers(argument, function);
}

#if defined(__x86_64__)
namespace {

constexpr uintptr_t kRedZone = 128;
// What the kernel leaves in the part of the legacy area that it owns, when vector state follows.
constexpr size_t kSoftwareBytesAt = 464;
constexpr uint32_t kExtendedMagic = 0x46505853;
constexpr size_t kLegacyBytes = 512;

struct SoftwareBytes {
  uint32_t magic;
  uint32_t extended_size;
  uint64_t features;
  uint32_t state_size;
};

}  // namespace

uintptr_t ProgramCounter(const void* context) {
  return static_cast<uintptr_t>(Context(context).uc_mcontext.gregs[REG_RIP]);
}
void SetProgramCounter(void* context, uintptr_t address) {
  static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP] = static_cast<greg_t>(address);
}
// The kernel sets the counter back to the instruction where the call will begin anew.
SPANHEAP_NO_SANITIZE bool IsAtSystemCall(const void* context) {
  const auto* const at = reinterpret_cast<const unsigned char*>(ProgramCounter(context));
  const auto is_call = [](const unsigned char* code) { return code[0] == 0x0f && code[1] == 0x05; };
  return is_call(at) || is_call(at - 2);
}
uintptr_t StackStart(const void* context) {
  return static_cast<uintptr_t>(Context(context).uc_mcontext.gregs[REG_RSP]) - kRedZone;
}
WordSpan GeneralRegisters(const void* context) {
  const auto& registers = Context(context).uc_mcontext.gregs;
  return Words(registers, sizeof registers);
}
WordSpan VectorRegisters(const void* context) {
  const char* area = reinterpret_cast<const char*>(Context(context).uc_mcontext.fpregs);
  if (area == nullptr) return {};
  SoftwareBytes software;
  memcpy(&software, area + kSoftwareBytesAt, sizeof software);
  const bool is_extended = software.magic == kExtendedMagic && software.state_size > kLegacyBytes;
  return Words(area, is_extended ? software.state_size : kLegacyBytes);
}
// A frame is the address of libc's return code, then the context, which knows the address of the
// vector state: in the same frame, aligned.
SPANHEAP_NO_SANITIZE void* FindContext(uintptr_t low, uintptr_t high, uintptr_t return_code) {
  constexpr uintptr_t kLongestFrame = 64 << 10;
  constexpr size_t kSize = sizeof(uintptr_t) + sizeof(ucontext_t);
  if (return_code == 0 || high < kSize) return nullptr;
  for (uintptr_t at = low; at <= high - kSize; at += sizeof(uintptr_t)) {
    auto* const word = reinterpret_cast<uintptr_t*>(at);
    if (*word != return_code) continue;
    const auto vectors = reinterpret_cast<uintptr_t>(Context(word + 1).uc_mcontext.fpregs);
    if (vectors - at < kLongestFrame && vectors < high && vectors % 16 == 0) return word + 1;
  }
  return nullptr;
}
#elif defined(__aarch64__)
void* FindContext(uintptr_t, uintptr_t, uintptr_t) { return nullptr; }
uintptr_t ProgramCounter(const void* context) { return Context(context).uc_mcontext.pc; }
void SetProgramCounter(void* context, uintptr_t address) {
  static_cast<ucontext_t*>(context)->uc_mcontext.pc = address;
}
SPANHEAP_NO_SANITIZE bool IsAtSystemCall(const void* context) {
  constexpr uint32_t kCall = 0xd4000001;
  const auto* const at = reinterpret_cast<const uint32_t*>(ProgramCounter(context));
  return at[0] == kCall || at[-1] == kCall;
}
uintptr_t StackStart(const void* context) { return Context(context).uc_mcontext.sp; }
WordSpan GeneralRegisters(const void* context) {
  const auto& registers = Context(context).uc_mcontext.regs;
  return Words(registers, sizeof registers);
}
WordSpan VectorRegisters(const void* context) {
  const auto& area = Context(context).uc_mcontext.__reserved;
  return Words(area, sizeof area);
}
#else
void* FindContext(uintptr_t, uintptr_t, uintptr_t) { return nullptr; }
// The handler's own frame lies below the interrupted one, unless it runs on an alternate stack.
uintptr_t ProgramCounter(const void*) { return 0; }
void SetProgramCounter(void*, uintptr_t) {}
bool IsAtSystemCall(const void*) { return true; }
uintptr_t StackStart(const void* context) { return reinterpret_cast<uintptr_t>(context); }
WordSpan GeneralRegisters(const void* context) { return Words(context, sizeof(ucontext_t)); }
WordSpan VectorRegisters(const void*) { return {}; }
#endif

AlternateStack AlternateStackOf(const void* context) {
  const stack_t& stack = Context(context).uc_stack;
  if ((stack.ss_flags & SS_DISABLE) != 0 || stack.ss_size == 0) return {};
  return {AddressOf(stack.ss_sp), AddressOf(stack.ss_sp) + Bytes(stack.ss_size)};
}

}  // namespace spanheap::os
