// SPDX-License-Identifier: MIT
//
// Coroutines that nobody destroys: each walks through a tree that only its frame still holds. Those
// that are left in the middle are collected, frames and trees.
#include <spanheap/gc.h>

#include <coroutine>
#include <cstdio>
#include <exception>

using namespace spanheap;

struct Tree {
  Ptr<Tree> left, right;
  int value;
};

Tree* Grow(int low, int high) {
  if (low >= high) return nullptr;
  const int middle = low + (high - low) / 2;
  return New<Tree>(Grow(low, middle), Grow(middle + 1, high), middle);
}

// The values that a coroutine yields, one at a time.
class Walk {
 public:
  struct promise_type : CollectedFrame {  // this makes the frame a collected object
    int value = 0;

    Walk get_return_object() { return Walk(Handle::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    std::suspend_always yield_value(int next) noexcept {
      value = next;
      return {};
    }
    void return_void() noexcept {}
    void unhandled_exception() { std::terminate(); }
  };
  using Handle = std::coroutine_handle<promise_type>;

  explicit Walk(Handle handle) : frame_(handle.address()) {}
  bool Next() {
    handle().resume();
    return !handle().done();
  }
  int value() const { return handle().promise().value; }

 private:
  SH_LAYOUT(Walk, frame_);
  Handle handle() const { return Handle::from_address(frame_); }
  Ptr<void> frame_;  // so that a Walk may be a field of a collected object, too
};

Walk InOrder(Ptr<Tree> tree) {
  Vector<Ptr<Tree>> path;
  for (;;) {
    for (; tree; tree = tree->left) path.push_back(tree);
    if (path.empty()) co_return;
    tree = path.back();
    path.pop_back();
    co_yield tree->value;
    tree = tree->right;
  }
}

int main() {
  long sum = 0;
  for (int round = 0; round < 200; ++round) {
    Walk walk = InOrder(Grow(0, 1000));
    for (int i = 0; i < 500 && walk.Next(); ++i) sum += walk.value();  // and leaves it there
  }
  Walk whole = InOrder(Grow(0, 1000));
  Collect();
  int expected = 0;
  while (whole.Next()) {
    if (whole.value() != expected++) return 1;
  }
  Collect();
  const GcStats stats = ReadGcStats();
  std::printf("sum %ld, %d in order, %llu KiB live\n", sum, expected,
              static_cast<unsigned long long>(stats.live_bytes >> 10));
  return sum == 200L * (499 * 500 / 2) && expected == 1000 && stats.live_bytes < (4 << 20) ? 0 : 1;
}
