// SPDX-License-Identifier: MIT
//
// vector.h: Vector<T>, a growing array with collected storage: a value of three words that lives
// where a Ptr may (collected objects, stacks). Outside of these: Root<Vector<T>>.
//
// Idea.    As std::vector, but nothing needs to be freed. Elements beyond the size are T(), so that
//          what was removed is not kept alive.
// Threads. As std::vector.
// Fails.   Throws std::bad_alloc.
// Limits.  T is trivially destructible and has a default: wrap others in Ptr. References to
//          elements stay valid when the vector grows, but name the old storage then.
#ifndef SPANHEAP_DETAIL_VECTOR_H
#define SPANHEAP_DETAIL_VECTOR_H

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <type_traits>
#include <utility>

#include "spanheap/detail/create.h"
#include "spanheap/detail/layout.h"
#include "spanheap/detail/pointer.h"

namespace spanheap {

template <class T>
class Vector {
 public:
  using value_type = T;
  using iterator = T*;
  using const_iterator = const T*;

  Vector() noexcept = default;
  explicit Vector(std::size_t count) { resize(count); }
  Vector(std::initializer_list<T> elements) { Append(elements.begin(), elements.end()); }
  Vector(const Vector& other) { Append(other.begin(), other.end()); }
  Vector(Vector&& other) noexcept { Take(other); }
  Vector& operator=(const Vector& other) {
    if (this != &other) {
      Vector copy(other);
      Take(copy);
    }
    return *this;
  }
  Vector& operator=(Vector&& other) noexcept {
    if (this != &other) Take(other);
    return *this;
  }
  ~Vector() = default;

  std::size_t size() const noexcept { return size_; }
  std::size_t capacity() const noexcept { return capacity_; }
  bool empty() const noexcept { return size_ == 0; }
  T* data() noexcept { return data_.get(); }
  const T* data() const noexcept { return data_.get(); }
  T* begin() noexcept { return data(); }
  T* end() noexcept { return data() + size_; }
  const T* begin() const noexcept { return data(); }
  const T* end() const noexcept { return data() + size_; }
  T& operator[](std::size_t i) noexcept { return data()[i]; }
  const T& operator[](std::size_t i) const noexcept { return data()[i]; }
  T& front() noexcept { return data()[0]; }
  T& back() noexcept { return data()[size_ - 1]; }

  void reserve(std::size_t count) {
    if (count > capacity_) Grow(count);
  }
  void resize(std::size_t count) {
    reserve(count);
    Reset(count, size_);
    size_ = count;
  }
  void clear() noexcept { resize(0); }

  void push_back(T element) {
    if (size_ == capacity_) Grow(size_ + 1);
    data()[size_++] = std::move(element);
  }
  template <class... Args>
  T& emplace_back(Args&&... args) {
    push_back(T(std::forward<Args>(args)...));
    return back();
  }
  void pop_back() noexcept { data()[--size_] = T(); }

  T* insert(const T* before, T element) {
    const auto at = static_cast<std::size_t>(before - begin());
    push_back(T());
    std::move_backward(begin() + at, end() - 1, end());
    begin()[at] = std::move(element);
    return begin() + at;
  }
  T* erase(const T* element) { return erase(element, element + 1); }
  T* erase(const T* first, const T* last) {
    T* const at = begin() + (first - begin());
    std::move(begin() + (last - begin()), end(), at);
    const std::size_t after = size_ - static_cast<std::size_t>(last - first);
    Reset(after, size_);
    size_ = after;
    return at;
  }

  friend bool operator==(const Vector& a, const Vector& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  SH_LAYOUT(Vector, data_);

  static constexpr std::size_t kFirstCapacity = 4;

  void Grow(std::size_t wanted) {
    static_assert(std::is_trivially_destructible_v<T>,
                  "spanheap: elements of a Vector are not destroyed; use Vector<Ptr<T>>");
    const std::size_t capacity = std::max({wanted, 2 * capacity_, kFirstCapacity});
    T* const larger = NewArray<T>(capacity);
    std::move(begin(), end(), larger);
    data_ = larger;
    capacity_ = capacity;
  }
  // Elements [first, last) become T().
  void Reset(std::size_t first, std::size_t last) noexcept {
    for (std::size_t i = first; i < last; ++i) data()[i] = T();
  }
  template <class Iterator>
  void Append(Iterator first, Iterator last) {
    reserve(size_ + static_cast<std::size_t>(last - first));
    for (; first != last; ++first) data()[size_++] = *first;
  }
  void Take(Vector& other) noexcept {
    data_ = other.data_;
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
    other.data_ = nullptr;
  }

  Ptr<T> data_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace spanheap

#endif
