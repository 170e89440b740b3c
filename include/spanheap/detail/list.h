// SPDX-License-Identifier: MIT
//
// list.h: List<T>, linked both ways, with collected nodes: a value of three words that lives where
// a Ptr may.
//
// Idea.    A node that leaves the list loses its links, so that an iterator that is kept does not
//          keep the list.
// Threads. As std::list.
// Fails.   Throws std::bad_alloc.
#ifndef SPANHEAP_DETAIL_LIST_H
#define SPANHEAP_DETAIL_LIST_H

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <type_traits>
#include <utility>

#include "spanheap/detail/create.h"
#include "spanheap/detail/layout.h"
#include "spanheap/detail/pointer.h"

namespace spanheap {

template <class T>
class List {
  struct Node {
    Ptr<Node> next;
    Ptr<Node> previous;
    T value;
    SH_LAYOUT(Node, next, previous, value);
  };

 public:
  using value_type = T;

  template <class Element>
  class Iterator {
   public:
    using iterator_category = std::bidirectional_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using pointer = Element*;
    using reference = Element&;

    Iterator() = default;
    // Of elements that may change to one of elements that may not.
    template <class Other>
      requires std::same_as<const Other, Element>
    Iterator(const Iterator<Other>& other) : list_(other.list_), node_(other.node_) {}

    Element& operator*() const { return node_->value; }
    Element* operator->() const { return &node_->value; }
    Iterator& operator++() {
      node_ = node_->next;
      return *this;
    }
    Iterator operator++(int) {
      const Iterator before = *this;
      ++*this;
      return before;
    }
    // Of end(): the last.
    Iterator& operator--() {
      node_ = node_ != nullptr ? node_->previous : list_->last_;
      return *this;
    }
    Iterator operator--(int) {
      const Iterator before = *this;
      --*this;
      return before;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.node_ == b.node_; }

   private:
    friend class List;
    template <class Other>
    friend class Iterator;
    Iterator(const List* list, Node* node) : list_(list), node_(node) {}
    const List* list_ = nullptr;
    Node* node_ = nullptr;
  };
  using iterator = Iterator<T>;
  using const_iterator = Iterator<const T>;

  List() noexcept = default;
  List(std::initializer_list<T> elements) {
    for (const T& element : elements) push_back(element);
  }
  List(const List& other) : List() {
    for (Node* node = other.first_; node != nullptr; node = node->next) push_back(node->value);
  }
  List(List&& other) noexcept { Take(other); }
  List& operator=(const List& other) {
    if (this != &other) {
      List copy(other);
      Take(copy);
    }
    return *this;
  }
  List& operator=(List&& other) noexcept {
    if (this != &other) Take(other);
    return *this;
  }
  ~List() = default;

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  iterator begin() noexcept { return {this, first_}; }
  iterator end() noexcept { return {this, nullptr}; }
  const_iterator begin() const noexcept { return {this, first_}; }
  const_iterator end() const noexcept { return {this, nullptr}; }
  T& front() noexcept { return first_->value; }
  T& back() noexcept { return last_->value; }
  const T& front() const noexcept { return first_->value; }
  const T& back() const noexcept { return last_->value; }

  void push_back(T element) { Link(last_, nullptr, std::move(element)); }
  void push_front(T element) { Link(nullptr, first_, std::move(element)); }
  // Before `where`; end(): last.
  iterator insert(const_iterator where, T element) {
    Node* const after = where.node_;
    return Link(after != nullptr ? after->previous.get() : last_.get(), after, std::move(element));
  }
  // Returns what follows.
  iterator erase(const_iterator where) {
    Node* const node = where.node_;
    Node* const next = node->next;
    Node* const previous = node->previous;
    (previous != nullptr ? previous->next : first_) = next;
    (next != nullptr ? next->previous : last_) = previous;
    node->next = nullptr;
    node->previous = nullptr;
    --size_;
    return {this, next};
  }
  void pop_front() { erase(begin()); }
  void pop_back() { erase({this, last_}); }
  void clear() noexcept {
    first_ = nullptr;
    last_ = nullptr;
    size_ = 0;
  }

 private:
  SH_LAYOUT(List, first_, last_);

  iterator Link(Node* previous, Node* next, T element) {
    static_assert(std::is_trivially_destructible_v<T>,
                  "spanheap: elements of a List are not destroyed; use List<Ptr<T>>");
    Node* const node = New<Node>(next, previous, std::move(element));
    (previous != nullptr ? previous->next : first_) = node;
    (next != nullptr ? next->previous : last_) = node;
    ++size_;
    return {this, node};
  }
  void Take(List& other) noexcept {
    first_ = other.first_;
    last_ = other.last_;
    size_ = other.size_;
    other.clear();
  }

  Ptr<Node> first_;
  Ptr<Node> last_;
  std::size_t size_ = 0;
};

}  // namespace spanheap

#endif
