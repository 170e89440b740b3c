// SPDX-License-Identifier: MIT
#include "faces/embed/core_choice.h"

namespace spanheap::face {

void CoreChoice::See(CoreTable& table) {
  if (table.number != kCoreNumber) {
    stranger_ = true;
    return;
  }
  if (first_ == nullptr) first_ = &table;
  if (first_live_ == nullptr && table.is_live.LoadAcquire() != 0) first_live_ = &table;
}

CoreTable& CoreChoice::table() const {
  if (first_live_ != nullptr) return *first_live_;
  return first_ != nullptr ? *first_ : own_;
}

}  // namespace spanheap::face
