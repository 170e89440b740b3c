// SPDX-License-Identifier: MIT
//
// TableReader: arrays of records out of a target's memory, no more in all than can be there.
//
// Fails. Damaged. Records that cannot be read are zero (is_whole says so).
// Tests. tests/tools/damage_test.cc.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "spanheap/look/memory.h"

namespace spanheap::look {

// Records of one size, as they were read.
class RecordTable {
 public:
  RecordTable(std::vector<char> bytes, uint64_t record, bool is_whole)
      : bytes_(std::move(bytes)), record_(record), is_whole_(is_whole) {}

  bool is_whole() const { return is_whole_; }
  std::string_view operator[](uint64_t i) const {
    return std::string_view(bytes_.data(), bytes_.size()).substr(i * record_, record_);
  }

 private:
  std::vector<char> bytes_;
  uint64_t record_;
  bool is_whole_;
};

class TableReader {
 public:
  explicit TableReader(const Memory& memory) : memory_(memory), left_(memory.size_limit()) {}

  RecordTable Read(uint64_t address, uint64_t record, uint64_t count, const char* what) {
    Charge(record, count, what);
    std::vector<char> bytes(record * count);
    const bool is_whole = bytes.empty() || memory_.Read(address, bytes.data(), bytes.size());
    return {std::move(bytes), record, is_whole};
  }
  // Before so much is made of what was read: throws if it is more than can be there.
  void Charge(uint64_t size, uint64_t count, const char* what);

 private:
  const Memory& memory_;
  uint64_t left_;  // bytes
};

}  // namespace spanheap::look
