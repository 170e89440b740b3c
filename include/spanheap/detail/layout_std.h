// SPDX-License-Identifier: MIT
//
// layout_std.h: what types of the C++ library hold, as fields of collected objects.
//
// Idea.   What keeps its elements inside of itself (optional, variant, tuple, atomic) is looked
//         into; where only its own words can tell what is in it now, each of them may be a pointer.
//         What keeps them in memory of its own (vector, unique_ptr, ...) may be a field if they
//         hold no collected pointer, for that memory is not scanned (unseen_storage.h). What a
//         function or an any has captured nobody can tell: refused.
#ifndef SPANHEAP_DETAIL_LAYOUT_STD_H
#define SPANHEAP_DETAIL_LAYOUT_STD_H

#include <any>
#include <atomic>
#include <deque>
#include <forward_list>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <span>
#include <stack>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "spanheap/detail/pointer_map.h"

namespace spanheap::detail {

template <class... Parts>
struct Inside {
  static constexpr bool kKnown = true;
  static constexpr bool kHidden = false;
  using inside = TypeList<Parts...>;
  using elsewhere = TypeList<>;
};
template <class... Elements>
struct Elsewhere : Inside<> {
  using elsewhere = TypeList<std::remove_extent_t<Elements>...>;
};
struct Hidden : Inside<> {
  static constexpr bool kHidden = true;
};

template <class T>
struct StandardParts<std::optional<T>> : Inside<T> {};
template <class... Parts>
struct StandardParts<std::variant<Parts...>> : Inside<Parts...> {};
template <class... Parts>
struct StandardParts<std::tuple<Parts...>> : Inside<Parts...> {};
template <class T>
struct StandardParts<std::atomic<T>> : Inside<T> {};
template <class Char, class Traits, class A>
struct StandardParts<std::basic_string<Char, Traits, A>> : Inside<> {};
// Points to elements that are somebody else's.
template <class T, std::size_t kExtent>
struct StandardParts<std::span<T, kExtent>> : Inside<T*> {};

template <class T, class A>
struct StandardParts<std::vector<T, A>> : Elsewhere<T> {};
template <class T, class A>
struct StandardParts<std::deque<T, A>> : Elsewhere<T> {};
template <class T, class A>
struct StandardParts<std::list<T, A>> : Elsewhere<T> {};
template <class T, class A>
struct StandardParts<std::forward_list<T, A>> : Elsewhere<T> {};
template <class T, class Less, class A>
struct StandardParts<std::set<T, Less, A>> : Elsewhere<T> {};
template <class T, class Less, class A>
struct StandardParts<std::multiset<T, Less, A>> : Elsewhere<T> {};
template <class K, class V, class Less, class A>
struct StandardParts<std::map<K, V, Less, A>> : Elsewhere<K, V> {};
template <class K, class V, class Less, class A>
struct StandardParts<std::multimap<K, V, Less, A>> : Elsewhere<K, V> {};
template <class T, class Hash, class Equal, class A>
struct StandardParts<std::unordered_set<T, Hash, Equal, A>> : Elsewhere<T> {};
template <class T, class Hash, class Equal, class A>
struct StandardParts<std::unordered_multiset<T, Hash, Equal, A>> : Elsewhere<T> {};
template <class K, class V, class Hash, class Equal, class A>
struct StandardParts<std::unordered_map<K, V, Hash, Equal, A>> : Elsewhere<K, V> {};
template <class K, class V, class Hash, class Equal, class A>
struct StandardParts<std::unordered_multimap<K, V, Hash, Equal, A>> : Elsewhere<K, V> {};

// What adapts a container has that, and perhaps an order.
template <class T, class C>
struct StandardParts<std::queue<T, C>> : Inside<C> {};
template <class T, class C>
struct StandardParts<std::stack<T, C>> : Inside<C> {};
template <class T, class C, class Less>
struct StandardParts<std::priority_queue<T, C, Less>> : Inside<C, Less> {};

template <class T>
struct StandardParts<std::shared_ptr<T>> : Elsewhere<T> {};
template <class T>
struct StandardParts<std::weak_ptr<T>> : Elsewhere<T> {};
template <class T, class Deleter>
struct StandardParts<std::unique_ptr<T, Deleter>> : Elsewhere<T> {
  using inside = TypeList<Deleter>;
};

template <class Signature>
struct StandardParts<std::function<Signature>> : Hidden {};
template <>
struct StandardParts<std::any> : Hidden {};

}  // namespace spanheap::detail

#endif
