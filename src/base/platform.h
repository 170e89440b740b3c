// SPDX-License-Identifier: MIT
//
// The compiler and the machine, named once. Outside this file and os/ nothing is conditional.
#pragma once

#if !defined(__linux__) || !defined(__x86_64__) || !defined(__LP64__)
#error "spanheap is for 64-bit Linux on x86-64"
#endif

#define SPANHEAP_ALWAYS_INLINE inline __attribute__((always_inline))
#define SPANHEAP_NOINLINE __attribute__((noinline))
#define SPANHEAP_COLD __attribute__((noinline, cold))
// For functions that read the program's memory as it is: sanitizers look away.
#define SPANHEAP_NO_SANITIZE __attribute__((no_sanitize_address, no_sanitize_thread))

// Of a zero variable that every start touches: it lies among the initialised ones, whose pages the
// linker writes to anyway, and costs no page of its own.
#define SPANHEAP_TOUCHED_AT_START __attribute__((section(".data")))
// Of a function that every start calls and hardly anything calls later: these lie together, so that
// a start touches few pages of code.
#define SPANHEAP_AT_START __attribute__((noinline, section(".text.startup")))

// Keeps a pointer in the register that functions return their result in, which saves a move.
#if defined(__x86_64__)
#define SPANHEAP_IN_RESULT_REGISTER(pointer) asm("" : "+a"(pointer))
#else
#define SPANHEAP_IN_RESULT_REGISTER(pointer) static_cast<void>(pointer)
#endif

// From here on the compiler does not know how the pointer came to be: it cannot see that a loop
// over it clears memory, and call memset.
#define SPANHEAP_FORGET(pointer) asm("" : "+r"(pointer))

namespace spanheap {

// What a core of this machine moves at once. Fields written by different threads keep this apart.
inline constexpr unsigned kCacheLine = 64;

#ifdef SPANHEAP_DEBUG_CHECKS
inline constexpr bool kDebugChecks = true;
#else
inline constexpr bool kDebugChecks = false;
#endif

// x86-64 adds to memory in one instruction, with stores seen in order; sanitizers want to see them.
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
inline constexpr bool kStepsInPlace = true;
#else
inline constexpr bool kStepsInPlace = false;
#endif

// ThreadSanitizer calls a handler when it suits it, with a copy of a context that is history: the
// stack has gone on since.
#if defined(__SANITIZE_THREAD__)
inline constexpr bool kHandlersComeLate = true;
#else
inline constexpr bool kHandlersComeLate = false;
#endif

}  // namespace spanheap
