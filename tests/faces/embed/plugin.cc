// SPDX-License-Identifier: MIT
//
// A plug-in that has the archive libspanheap-embed.a in it, and that keeps collected objects of its
// own: one_heap.cc loads several copies of it.
#include <spanheap/gc.h>
#include <spanheap/spanheap.h>

#include <cstdint>

#define PLUGIN_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

struct Node {
  spanheap::Ptr<Node> next;
  uint64_t number;
};

constexpr uint64_t kLength = 1000;

}  // namespace

PLUGIN_EXPORT void* PluginAllocate(size_t n) { return sh_malloc(n); }
PLUGIN_EXPORT int PluginOwns(const void* p) { return sh_owns(p); }
PLUGIN_EXPORT void PluginCollect() { sh_gc_collect(); }
PLUGIN_EXPORT uint64_t PluginVerify() { return sh_gc_verify(); }

// Keeps a list that grows at its front, so that nodes live by stores that are made while the
// collector marks. Returns how many stores saw the barrier on, or ~0: a node is not what it was.
PLUGIN_EXPORT uint64_t PluginChurn(uint64_t rounds) {
  spanheap::Root<Node> list = spanheap::New<Node>(nullptr, uint64_t{0});
  uint64_t seen = 0;
  for (uint64_t round = 1; round <= rounds; ++round) {
    for (uint64_t i = 0; i < kLength; ++i) {
      Node* const fresh = spanheap::New<Node>(nullptr, round * kLength + i);
      fresh->next = list->next;
      list->next = fresh;
      seen += __atomic_load_n(&sh_inline_v1.barrier_on, __ATOMIC_RELAXED) != 0 ? 1 : 0;
    }
    Node* node = list->next;
    for (uint64_t i = kLength; i-- > 0; node = node->next) {
      if (node->number != round * kLength + i) return ~uint64_t{0};
    }
    list->next = nullptr;
  }
  return seen;
}
