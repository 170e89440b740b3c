// SPDX-License-Identifier: MIT
//
// HeapReader: reads a heap's structures out of another process's memory, by the names of its root
// record, into a HeapImage.
//
// Idea.  Large tables are read in one piece, small scattered things in one call for all of them.
// Fails. std::runtime_error when the library does not tell what is needed. What changes while it is
//        read may lead nowhere: such places count as unreadable. Damaged when it cannot be at all.
// Cost.  About 0.2 s of processor time for a heap of 3 GiB; the heap's process does nothing.
// Tests. tests/tools/explain_test.py: the image adds up to what the library counts, to the byte.
#pragma once

#include "spanheap/look/heap_image.h"
#include "spanheap/look/memory.h"
#include "spanheap/look/root_reader.h"
#include "spanheap/look/table_reader.h"

namespace spanheap::look {

class HeapReader {
 public:
  HeapReader(const Memory& memory, const RootReader& root) : memory_(memory), root_(root) {}

  // Once.
  HeapImage Read();
  // Only whether somebody is inside of the heap now.
  bool IsQuiet();

 private:
  void ReadGeometry(HeapImage& image);
  void ReadCounters(HeapImage& image) const;
  void ReadScavenger(HeapImage& image) const;
  void ReadRequests(HeapImage& image) const;
  void ReadSettings(HeapImage& image) const;
  void ReadArenas(HeapImage& image);
  void ReadChunks(HeapImage& image);
  void ReadChunkRange(uint32_t begin, uint32_t end, HeapImage& image);
  void ReadSpans(HeapImage& image);
  void ReadOutsideBits(const std::vector<uint64_t>& addresses, HeapImage& image);
  void ReadThreads(HeapImage& image);
  ThreadImage ReadThread(uint64_t address, uint64_t& next, HeapImage& image);
  void ReadStacks(HeapImage& image, const std::vector<std::pair<uint64_t, BinImage*>>& bins);
  void ReadShelf(HeapImage& image);
  void ReadKeptRuns(HeapImage& image);
  void ReadWindows(HeapImage& image);
  void ReadMetadata(HeapImage& image);
  void ReadGate(HeapImage& image) const;

  const Memory& memory_;
  const RootReader& root_;
  TableReader tables_{memory_};
};

}  // namespace spanheap::look
