// SPDX-License-Identifier: MIT
//
// RootReader: the library's description of itself (include/spanheap/detail/root_record.h), found in
// another process's memory and asked by name.
//
// Idea.  Every mapped ELF file begins with its headers; one of its notes leads to the record. A
//        process may hold several copies of the library: the one that has begun a heap counts.
// Fails. std::runtime_error: no heap of ours, one of another format, or one that does not tell a
//        name: "other version". Damaged: what it tells cannot be.
// Tests. tests/tools/look_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "spanheap/detail/root_record.h"
#include "spanheap/look/mapping.h"
#include "spanheap/look/memory.h"

namespace spanheap::look {

// A field of some record in that process.
struct RootField {
  uint64_t offset = 0;
  uint32_t size = 0;
  uint32_t count = 0;

  // Its value in a record, or the bytes of it where it is a record itself. Throws Damaged when it
  // lies outside.
  uint64_t In(std::string_view record, uint32_t element = 0) const;
  std::string_view PartOf(std::string_view record, uint32_t element) const;
  uint64_t end() const { return offset + uint64_t{size} * count; }
};

class RootReader {
 public:
  // Looks through the mappings; `what` names the process in messages.
  RootReader(const Memory& memory, const std::vector<Mapping>& mappings, const std::string& what);

  const std::string& library_version() const { return library_version_; }
  bool Has(const std::string& name) const { return entries_.contains(name); }
  // A plain number.
  uint64_t Number(const std::string& name) const { return Find(name, SH_ROOT_NUMBER).where.number; }
  // One that cannot be below `low` or above `high`; the size of a kind of records.
  uint64_t NumberWithin(const std::string& name, uint64_t low, uint64_t high) const;
  uint64_t RecordSize(const std::string& name) const { return NumberWithin(name, 1, kMostRecord); }
  // The address of a variable; its value, or that of one of its elements.
  uint64_t Address(const std::string& name) const;
  uint64_t Value(const std::string& name, uint32_t element = 0) const;
  // The value, or what to take it for where the library does not tell.
  uint64_t ValueOr(const std::string& name, uint64_t otherwise) const;
  RootField Field(const std::string& name) const;
  // The field, or one that is always 0 where the library does not tell.
  RootField FieldOrNone(const std::string& name) const {
    return Has(name) ? Field(name) : RootField();
  }

 private:
  static constexpr uint64_t kMostRecord = 16 << 20;  // bytes; all that is described is far smaller

  bool Load(uint64_t record);
  const sh_root_entry& Find(const std::string& name, sh_root_kind kind) const;

  const Memory& memory_;
  const std::string what_;
  std::string library_version_;
  std::unordered_map<std::string, sh_root_entry> entries_;
};

}  // namespace spanheap::look
