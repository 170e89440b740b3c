// SPDX-License-Identifier: MIT
#include "spanheap/look/table_reader.h"

#include <string>

#include "spanheap/look/damage.h"

namespace spanheap::look {

void TableReader::Charge(uint64_t size, uint64_t count, const char* what) {
  if (size != 0 && count > left_ / size) {
    throw Damaged("it tells of " + std::to_string(count) + " " + what + ", more than can be there");
  }
  left_ -= size * count;
}

}  // namespace spanheap::look
