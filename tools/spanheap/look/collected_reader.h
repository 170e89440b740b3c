// SPDX-License-Identifier: MIT
//
// CollectedReader: reads the collected heap's structures out of another process's memory into a
// CollectedImage.
//
// Idea.  The library tells where the heap's object is, and offsets within it. Of a span that is not
//        swept yet the marks tell what lives, of a swept one the allocated bits.
// Fails. As HeapReader. A library from before the collected heap was described has none here.
// Tests. tests/tools/explain_collected_test.py.
#pragma once

#include "spanheap/look/heap_image.h"
#include "spanheap/look/memory.h"
#include "spanheap/look/root_reader.h"
#include "spanheap/look/table_reader.h"

namespace spanheap::look {

class CollectedReader {
 public:
  CollectedReader(const Memory& memory, const RootReader& root, TableReader& tables)
      : memory_(memory), root_(root), tables_(tables) {}

  // Fills image.collected; its tables and records become stretches of metadata.
  void Read(HeapImage& image) const;

 private:
  uint64_t Value(const std::string& field) const;
  void ReadFigures(CollectedFigures& figures) const;
  void ReadKinds(CollectedImage& image) const;
  void ReadSpans(HeapImage& image) const;
  void ReadBits(CollectedImage& image, size_t& unreadable) const;
  void ReadThreads(CollectedImage& image, size_t& unreadable) const;
  void ReadTables(HeapImage& image) const;

  const Memory& memory_;
  const RootReader& root_;
  TableReader& tables_;
  uint64_t heap_ = root_.ValueOr("collected.heap", 0);
};

}  // namespace spanheap::look
