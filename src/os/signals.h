// SPDX-License-Identifier: MIT
//
// Signals as the collector uses them: one of our own, sent to single threads.
//
// Threads. Any; sending is async-signal-safe.
// Fails.   As each call says; errno is preserved.
#pragma once

#include <csignal>
#include <cstdint>

namespace spanheap::os {

using SignalAction = struct sigaction;
using SignalHandler = void (*)(int, siginfo_t*, void*);

// SIGURG if the program has no handler for it, else the highest free real-time signal; 0 if there
// is none.
int ChooseStopSignal();
// From here on `handler` gets the signal, on the alternate stack if there is one, with every
// signal blocked meanwhile; calls that can go on after it do. `previous` is what was there before.
bool InstallHandler(int signal, SignalHandler handler, SignalAction& previous);

// Where the handler of the signal returns to: libc has one place for all that are set through it.
uintptr_t ReturnCode(int signal);

enum class Sent : uint8_t { kYes, kNoSuchThread, kRefused };
// To one thread of this process. `mark` comes along and tells it from what others send; it may get
// lost when the same signal is pending already.
Sent SendSignal(uint32_t thread_id, int signal, const void* mark);
bool HasMark(const siginfo_t& info, const void* mark);

// Hands a signal on to whoever handled it before.
void ForwardSignal(const SignalAction& previous, int signal, siginfo_t* info, void* context);

// While it lives no signal comes to the calling thread, but those of libc's own; a new thread
// inherits that. Faults: the signals of what the thread itself does wrong.
enum class Faults : uint8_t { kToo, kNot };
class SignalsBlocked {
 public:
  explicit SignalsBlocked(Faults faults);
  ~SignalsBlocked();
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

// The calling thread lets the signal through from here on.
void UnblockSignal(int signal);
// True if the thread blocks the signal, by /proc.
bool BlocksSignal(uint32_t thread_id, int signal);

}  // namespace spanheap::os
