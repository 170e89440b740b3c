// SPDX-License-Identifier: MIT
//
// MappedArray: a table of the benchmark's own, taken straight from the kernel so that the allocator
// under test never sees it. Every page is touched at construction: later readings of resident
// memory do not move because of it.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace spanheap::bench {

enum class Backing { kHuge, kOrdinary };  // whether to ask for 2 MiB pages

template <class T>
class MappedArray {
 public:
  explicit MappedArray(std::size_t size, Backing backing = Backing::kHuge)
      : size_(size), bytes_(RoundUp(size * sizeof(T))) {
    void* at = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
      std::perror("bench: mmap");
      std::_Exit(3);
    }
    if (backing == Backing::kHuge) madvise(at, bytes_, MADV_HUGEPAGE);
    data_ = static_cast<T*>(at);
    auto* bytes = static_cast<volatile char*>(at);
    for (std::size_t i = 0; i < bytes_; i += kPage) bytes[i] = 0;
  }
  ~MappedArray() { munmap(data_, bytes_); }
  MappedArray(const MappedArray&) = delete;
  MappedArray& operator=(const MappedArray&) = delete;

  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }
  T* data() { return data_; }
  std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t kPage = 4096;
  static std::size_t RoundUp(std::size_t n) { return (n + kPage - 1) / kPage * kPage; }

  T* data_ = nullptr;
  std::size_t size_;   // elements
  std::size_t bytes_;  // mapped
};

}  // namespace spanheap::bench
