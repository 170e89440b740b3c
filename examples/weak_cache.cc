// SPDX-License-Identifier: MIT
//
// A cache that holds nothing alive: an image is shared while somebody uses it and loaded again
// later. Dead entries are swept out now and then.
#include <spanheap/gc.h>

#include <cstdio>

using namespace spanheap;

struct Image {
  String name;
  Ptr<char> pixels;
};

class ImageCache {
 public:
  Image* Get(const char* name) {
    if (const Weak<Image>* known = images_.find(name)) {
      if (Image* image = known->get()) return image;
    }
    ++loads_;
    Image* const image = New<Image>(String(name), NewArray<char>(64 << 10));
    images_[name] = image;
    return image;
  }
  std::size_t DropDead() {
    return images_.erase_if([](const auto& entry) { return entry.value.get() == nullptr; });
  }
  int loads() const { return loads_; }
  std::size_t size() const { return images_.size(); }

 private:
  HashMap<String, Weak<Image>> images_;
  int loads_ = 0;
  SH_LAYOUT(ImageCache, images_);
};

Root<ImageCache> cache;

// In a frame of its own, so that no pointer to the others stays on main's stack.
[[gnu::noinline]] void LoadMany() {
  for (int i = 0; i < 100; ++i) cache->Get(("tile " + std::to_string(i)).c_str());
}

int main() {
  cache = New<ImageCache>();
  Root<Image> logo = cache->Get("logo");
  const bool shared = cache->Get("logo") == logo.get();
  LoadMany();
  Collect();
  const std::size_t dead = cache->DropDead();
  std::printf("%d loaded, %zu dropped, %zu left\n", cache->loads(), dead, cache->size());
  // A stale word on the stack may keep an image or two.
  return shared && cache->Get("logo") == logo.get() && dead > 90 ? 0 : 1;
}
