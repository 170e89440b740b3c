// SPDX-License-Identifier: MIT
#include "runtime/fork_turn.h"

namespace spanheap {

constinit thread_local ForkTurn::State ForkTurn::state_ = State::kOutside;
constinit thread_local uint32_t ForkTurn::nested_ = 0;

}  // namespace spanheap
