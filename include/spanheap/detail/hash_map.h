// SPDX-License-Identifier: MIT
//
// hash_map.h: HashMap<K, V> with collected storage: a value of four words that lives where a Ptr
// may.
//
// Idea.    Open addressing with linear probing in arrays of a power of two: one of hashes (0: the
//          place is empty), which is never scanned, one of entries. Removing moves the followers
//          of a probe up and clears the last place, so nothing removed is kept alive and there are
//          no marks of removed entries.
// Invariants. At most 7/8 of the places are used. From the place that a hash prefers to the one an
//          entry is at, no place is empty.
// Threads. As std::unordered_map.
// Fails.   Throws std::bad_alloc.
// Limits.  K and V are trivially destructible and have a default. Entries move when others come and
//          go: references last until the next change.
#ifndef SPANHEAP_DETAIL_HASH_MAP_H
#define SPANHEAP_DETAIL_HASH_MAP_H

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <type_traits>
#include <utility>

#include "spanheap/detail/create.h"
#include "spanheap/detail/layout.h"
#include "spanheap/detail/pointer.h"

namespace spanheap {

// How keys are hashed; String has one that takes any text.
template <class K>
struct KeyHash : std::hash<K> {};

template <class K, class V, class Hash = KeyHash<K>, class Equal = std::equal_to<>>
class HashMap {
 public:
  struct Entry {
    K key;
    V value;
    SH_LAYOUT(Entry, key, value);
  };

  template <class EntryType, class Map>
  class Iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = Entry;
    using difference_type = std::ptrdiff_t;
    using pointer = EntryType*;
    using reference = EntryType&;

    Iterator() = default;
    Iterator(Map* map, std::size_t at) : map_(map), at_(at) { SkipEmpty(); }
    // Of entries that may change to one of entries that may not.
    operator Iterator<const Entry, const HashMap>() const { return {map_, at_}; }
    EntryType& operator*() const { return map_->entries_.get()[at_]; }
    EntryType* operator->() const { return &**this; }
    Iterator& operator++() {
      ++at_;
      SkipEmpty();
      return *this;
    }
    Iterator operator++(int) {
      const Iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.at_ == b.at_; }

   private:
    void SkipEmpty() {
      while (at_ < map_->places_ && map_->hashes_.get()[at_] == 0) ++at_;
    }
    Map* map_ = nullptr;
    std::size_t at_ = 0;
  };
  using iterator = Iterator<Entry, HashMap>;
  using const_iterator = Iterator<const Entry, const HashMap>;

  HashMap() noexcept = default;
  HashMap(const HashMap& other) { CopyFrom(other); }
  HashMap(HashMap&& other) noexcept { Take(other); }
  HashMap& operator=(const HashMap& other) {
    if (this != &other) CopyFrom(other);
    return *this;
  }
  HashMap& operator=(HashMap&& other) noexcept {
    if (this != &other) Take(other);
    return *this;
  }
  ~HashMap() = default;

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  iterator begin() { return {this, 0}; }
  iterator end() { return {this, places_}; }
  const_iterator begin() const { return {this, 0}; }
  const_iterator end() const { return {this, places_}; }

  // The value of a key, or null.
  template <class Key>
  V* find(const Key& key) noexcept {
    const std::size_t at = Locate(key, HashOf(key));
    return at < places_ ? &entries_.get()[at].value : nullptr;
  }
  template <class Key>
  const V* find(const Key& key) const noexcept {
    return const_cast<HashMap*>(this)->find(key);
  }
  template <class Key>
  bool contains(const Key& key) const noexcept {
    return find(key) != nullptr;
  }
  // The value of the key, V() if it is new.
  template <class Key>
  V& operator[](const Key& key) {
    const uint32_t hash = HashOf(key);
    const std::size_t at = Locate(key, hash);
    return at < places_ ? entries_.get()[at].value : Add(K(key), hash).value;
  }
  // True if the key is new.
  template <class Key>
  bool insert_or_assign(const Key& key, V value) {
    const std::size_t before = size_;
    (*this)[key] = std::move(value);
    return size_ != before;
  }
  template <class Key>
  bool erase(const Key& key) {
    const std::size_t at = Locate(key, HashOf(key));
    if (at >= places_) return false;
    Remove(at);
    return true;
  }
  // Removes each entry for which predicate(entry) is true; returns how many.
  template <class Predicate>
  std::size_t erase_if(Predicate predicate) {
    const std::size_t before = size_;
    for (std::size_t at = 0; at < places_;) {
      if (hashes_.get()[at] != 0 && predicate(entries_.get()[at])) {
        Remove(at);  // another entry may have come here
      } else {
        ++at;
      }
    }
    return before - size_;
  }
  void clear() noexcept {
    entries_ = nullptr;
    hashes_ = nullptr;
    places_ = size_ = 0;
  }

 private:
  SH_LAYOUT(HashMap, entries_, hashes_);

  static constexpr std::size_t kFirstPlaces = 8;

  // Spread over all bits, for std::hash of a number is that number; never 0.
  template <class Key>
  static uint32_t HashOf(const Key& key) {
    const uint64_t mixed = static_cast<uint64_t>(Hash()(key)) * 0x9e3779b97f4a7c15u;
    return static_cast<uint32_t>(mixed >> 32) | 1u;
  }
  std::size_t mask() const noexcept { return places_ - 1; }
  // The low bit of a hash is always set.
  std::size_t PlaceOf(uint32_t hash) const noexcept { return (hash >> 1) & mask(); }

  // Where the key is; places_ if nowhere.
  template <class Key>
  std::size_t Locate(const Key& key, uint32_t hash) const {
    if (places_ == 0) return 0;
    const uint32_t* const hashes = hashes_.get();
    for (std::size_t at = PlaceOf(hash); hashes[at] != 0; at = (at + 1) & mask()) {
      if (hashes[at] == hash && Equal()(entries_.get()[at].key, key)) return at;
    }
    return places_;
  }

  Entry& Add(K key, uint32_t hash) {
    if ((size_ + 1) * 8 > places_ * 7) Grow();
    std::size_t at = PlaceOf(hash);
    while (hashes_.get()[at] != 0) at = (at + 1) & mask();
    hashes_.get()[at] = hash;
    ++size_;
    Entry& entry = entries_.get()[at];
    entry.key = std::move(key);
    return entry;
  }

  void Remove(std::size_t hole) {
    uint32_t* const hashes = hashes_.get();
    Entry* const entries = entries_.get();
    for (std::size_t at = (hole + 1) & mask(); hashes[at] != 0; at = (at + 1) & mask()) {
      // An entry may move up to the hole if it prefers no place behind the hole.
      const std::size_t way = (at - PlaceOf(hashes[at])) & mask();
      if (way < ((at - hole) & mask())) continue;
      hashes[hole] = hashes[at];
      entries[hole] = std::move(entries[at]);
      hole = at;
    }
    hashes[hole] = 0;
    entries[hole].key = K();
    entries[hole].value = V();
    --size_;
  }

  void Grow() {
    static_assert(std::is_trivially_destructible_v<K> && std::is_trivially_destructible_v<V>,
                  "spanheap: entries of a HashMap are not destroyed; use Ptr for such a type");
    HashMap larger;
    larger.Reserve(places_ == 0 ? kFirstPlaces : 2 * places_);
    for (std::size_t at = 0; at < places_; ++at) {
      if (hashes_.get()[at] == 0) continue;
      Entry& from = entries_.get()[at];
      larger.Add(std::move(from.key), hashes_.get()[at]).value = std::move(from.value);
    }
    Take(larger);
  }
  void Reserve(std::size_t places) {
    entries_ = NewArray<Entry>(places);
    hashes_ = NewArray<uint32_t>(places);
    places_ = places;
  }
  void CopyFrom(const HashMap& other) {
    HashMap copy;
    if (!other.empty()) copy.Reserve(other.places_);
    for (const Entry& entry : other) copy[entry.key] = entry.value;
    Take(copy);
  }
  void Take(HashMap& other) noexcept {
    entries_ = other.entries_;
    hashes_ = other.hashes_;
    places_ = other.places_;
    size_ = other.size_;
    other.clear();
  }

  Ptr<Entry> entries_;
  Ptr<uint32_t> hashes_;
  std::size_t places_ = 0;  // a power of two, or 0
  std::size_t size_ = 0;
};

}  // namespace spanheap

#endif
