// SPDX-License-Identifier: MIT
#include "spanheap/interrupt.h"

#include <signal.h>

namespace spanheap::tools {
namespace {

volatile sig_atomic_t was_interrupted = 0;

}  // namespace

void CatchInterrupts() {
  struct sigaction stop = {};
  stop.sa_handler = [](int) { was_interrupted = 1; };
  sigaction(SIGINT, &stop, nullptr);
  sigaction(SIGTERM, &stop, nullptr);
}

bool WasInterrupted() { return was_interrupted != 0; }

}  // namespace spanheap::tools
