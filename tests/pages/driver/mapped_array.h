// SPDX-License-Identifier: MIT
//
// MappedArray: a huge zero array of which only the touched pages cost memory.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <new>

namespace spanheap::script {

template <class T>
class MappedArray {
 public:
  explicit MappedArray(size_t count) : bytes_(count * sizeof(T)) {
    void* const p = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) throw std::bad_alloc();
    data_ = static_cast<T*>(p);
  }
  ~MappedArray() { munmap(data_, bytes_); }
  MappedArray(const MappedArray&) = delete;
  MappedArray& operator=(const MappedArray&) = delete;

  T* get() const { return data_; }

 private:
  T* data_;
  size_t bytes_;
};

}  // namespace spanheap::script
