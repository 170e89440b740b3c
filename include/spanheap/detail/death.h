// SPDX-License-Identifier: MIT
//
// death.h: what runs when an object has died: cleanups, which do not see it, and the finalizer,
// which does.
//
// Idea.   The function and its arguments are kept in a collected object of their own, every word of
//         which may be a pointer; the collector holds it until it has run. If it never will, it is
//         destroyed like any collected object: later, on the finalizer thread.
// Threads. They run on the finalizer thread, one after the other; long ones hold up the rest.
// Fails.   Throws std::bad_alloc; std::invalid_argument for a cleanup one of whose arguments points
//          into its object, which would never die, or of what is no collected object, and for a
//          finalizer of what is not the start of one. An exception that leaves a cleanup or
//          finalizer ends the process.
// Limits.  No order among them, nothing at the end of the process, and a stale word on a stack puts
//          them off: for releasing what was forgotten, not for what must happen now.
#ifndef SPANHEAP_DETAIL_DEATH_H
#define SPANHEAP_DETAIL_DEATH_H

#include <functional>
#include <new>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>

#include "spanheap/detail/create.h"
#include "spanheap/detail/root.h"
#include "spanheap/detail/throw.h"

namespace spanheap {

// A cleanup that may be stopped. Copyable; holds nothing alive.
class Cleanup {
 public:
  Cleanup() = default;
  explicit Cleanup(sh_gc_cleanup cleanup) : cleanup_(cleanup) {}
  // It will not run. False: it has run, is about to, or was stopped before.
  bool Stop() { return cleanup_.id != 0 && sh_gc_stop_cleanup(cleanup_) != 0; }

 private:
  sh_gc_cleanup cleanup_{};
};

namespace detail {

template <class Function, class... Args>
struct Call {
  Function function;
  std::tuple<Args...> args;
};

// A call and its end: it ends when it has been made, or when the collector finds that it never will
// be (a cleanup that was stopped, a finalizer that another replaced).
template <class Made>
struct Closure {
  union {
    Made call;
  };
  bool is_over = false;

  explicit Closure(Made&& from) : call(std::move(from)) {}
  ~Closure() {
    if (!is_over) std::destroy_at(&call);
  }
  // Before it is made: a child that is forked meanwhile must not end it again.
  static Closure& Begin(void* closure) {
    auto& mine = *static_cast<Closure*>(closure);
    mine.is_over = true;
    return mine;
  }

  static void Run(void* closure) noexcept {
    Closure& mine = Begin(closure);
    std::apply(mine.call.function, mine.call.args);
    std::destroy_at(&mine.call);
  }
  template <class T>
  static void RunWith(void* object, void* closure) noexcept {
    Closure& mine = Begin(closure);
    std::apply(
        [&](auto&... args) { std::invoke(mine.call.function, static_cast<T*>(object), args...); },
        mine.call.args);
    std::destroy_at(&mine.call);
  }
};

// What lies in the collected object: any word may be a pointer.
template <class Made>
struct alignas(Closure<Made>) ClosureCell {
  unsigned char bytes[sizeof(Closure<Made>)];
  ~ClosureCell()
    requires(std::is_trivially_destructible_v<Made>)
  = default;
  ~ClosureCell() { std::destroy_at(reinterpret_cast<Closure<Made>*>(bytes)); }
};

template <class Function, class... Args>
void* NewCall(Function function, Args... args) {
  using Made = Call<Function, Args...>;
  using Cell = Conservative<ClosureCell<Made>>;
  void* const memory = Written(AllocateOne<Cell>());
  if (memory == nullptr) Throw(std::bad_alloc());
  ::new (memory) Closure<Made>(Made{std::move(function), {std::move(args)...}});
  TellStored(memory, sizeof(Closure<Made>));
  if (!ArmDestructor(static_cast<Cell*>(memory), 1)) Throw(std::bad_alloc());
  return memory;
}

// The object that an argument keeps alive by itself, if it does.
template <class T>
const void* KeptBy(const T&) {
  return nullptr;
}
template <class T>
const void* KeptBy(T* pointer) {
  if constexpr (std::is_function_v<T>) {
    return nullptr;
  } else {
    return Untyped(pointer);
  }
}
template <class T>
const void* KeptBy(const Ptr<T>& pointer) {
  return Untyped(pointer.get());
}
template <class T>
const void* KeptBy(const Root<T>& root) {
  return Untyped(root.get());
}

template <class... Args>
void RefuseToKeep(const void* object, const Args&... args) {
  const void* const base = sh_gc_base(object);
  [[maybe_unused]] const auto is_in = [base](const void* kept) {
    return kept != nullptr && base != nullptr && sh_gc_base(kept) == base;
  };
  if ((is_in(KeptBy(args)) || ...)) {
    Throw(std::invalid_argument("an argument keeps the object alive whose death it is for"));
  }
}

}  // namespace detail

// Once the object is gone, function(args...) is called. The arguments are copied; raw pointers and
// Ptrs among them keep their objects until then, and must not lead to this object.
template <class Holder, class Function, class... Args>
Cleanup AddCleanup(const Holder& holder, Function function, Args... args) {
  using Closure = detail::Closure<detail::Call<Function, Args...>>;
  void* const object = detail::Untyped(detail::AddressIn(holder));
  detail::RefuseToKeep(object, args...);
  void* const closure = detail::NewCall<Function, Args...>(std::move(function), std::move(args)...);
  const sh_gc_cleanup added = sh_gc_add_cleanup(object, &Closure::Run, closure);
  if (added.id == 0) detail::ThrowWhy("a cleanup is for a collected object");
  return Cleanup(added);
}

// When the object is first found unreachable, function(object, args...) is called; it may give the
// object a new life. One per object: a second replaces the first. The object's start only. The
// arguments as above.
template <class Holder, class Function, class... Args>
void SetFinalizer(const Holder& holder, Function function, Args... args) {
  using T = detail::PointeeOf<Holder>;
  using Closure = detail::Closure<detail::Call<Function, Args...>>;
  void* const object = detail::Untyped(detail::AddressIn(holder));
  detail::RefuseToKeep(object, args...);
  void* const closure = detail::NewCall<Function, Args...>(std::move(function), std::move(args)...);
  if (sh_gc_set_finalizer(object, &Closure::template RunWith<T>, closure) != 0) {
    detail::ThrowWhy("a finalizer is for the start of a collected object");
  }
}

template <class Holder>
void ClearFinalizer(const Holder& holder) {
  sh_gc_set_finalizer(detail::Untyped(detail::AddressIn(holder)), nullptr, nullptr);
}

}  // namespace spanheap

#endif
