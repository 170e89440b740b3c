// SPDX-License-Identifier: MIT
//
// The collected containers against those of the C++ library, and what they let go of.
#include <algorithm>
#include <iterator>
#include <list>
#include <map>
#include <numeric>
#include <random>
#include <unordered_map>

#include "faces/native/native_fixture.h"

namespace spanheap {
namespace {

using Containers = Native;

TEST_F(Containers, VectorDoesAsStdVector) {
  Root<Vector<int>> root = New<Vector<int>>();
  Vector<int>& ours = *root;
  std::vector<int> model;
  std::mt19937 random(1);
  for (int step = 0; step < 5000; ++step) {
    const std::size_t at = model.empty() ? 0 : random() % model.size();
    switch (random() % 6) {
      case 0:
        ours.insert(ours.begin() + at, step);
        model.insert(model.begin() + at, step);
        break;
      case 1:
        if (model.empty()) break;
        ours.erase(ours.begin() + at);
        model.erase(model.begin() + at);
        break;
      case 2:
        if (model.empty()) break;
        ours.pop_back();
        model.pop_back();
        break;
      default:
        ours.push_back(step);
        model.push_back(step);
    }
    ASSERT_TRUE(std::equal(ours.begin(), ours.end(), model.begin(), model.end())) << step;
  }
  ours.resize(3);
  ours.resize(5);
  EXPECT_EQ(ours[4], 0);
}

TEST_F(Containers, VectorLetsGoOfWhatItRemoves) {
  Root<Vector<Ptr<Node>>> root = New<Vector<Ptr<Node>>>();
  Vector<Ptr<Node>>& vector = *root;
  for (int i = 0; i < 10; ++i) vector.push_back(New<Node>(nullptr, nullptr, i));
  CollectTo(12);
  vector.erase(vector.begin(), vector.begin() + 3);
  EXPECT_EQ(vector.front()->value, 3);
  vector.pop_back();
  CollectTo(8);
  vector.resize(2);
  CollectTo(4);
  for (std::size_t i = vector.size(); i < vector.capacity(); ++i) {
    EXPECT_EQ(vector.data()[i], nullptr);
  }
  vector.clear();
  CollectTo(2);
}

TEST_F(Containers, VectorsAreValues) {
  const Vector<int> a = {1, 2, 3};
  Vector<int> b = a;
  b[0] = 9;
  EXPECT_EQ(a[0], 1);
  Vector<int> c = std::move(b);
  EXPECT_EQ(c[0], 9);
  EXPECT_TRUE(b.empty());
  b = c;
  EXPECT_TRUE(b == c);
  EXPECT_FALSE(a == c);
}

TEST_F(Containers, HashMapDoesAsStdUnorderedMap) {
  Root<HashMap<int, int>> root = New<HashMap<int, int>>();
  HashMap<int, int>& ours = *root;
  std::unordered_map<int, int> model;
  std::mt19937 random(2);
  for (int step = 0; step < 20000; ++step) {
    const int key = static_cast<int>(random() % 300) * 1024;
    if (random() % 5 < 2) {
      ASSERT_EQ(ours.erase(key), model.erase(key) == 1);
    } else {
      ASSERT_EQ(ours.insert_or_assign(key, step), model.insert_or_assign(key, step).second);
    }
    ASSERT_EQ(ours.size(), model.size());
    const int other = static_cast<int>(random() % 300) * 1024;
    const auto found = model.find(other);
    ASSERT_EQ(ours.contains(other), found != model.end());
    if (found != model.end()) {
      ASSERT_EQ(*ours.find(other), found->second);
    }
  }
  std::size_t count = 0;
  for (const auto& entry : ours) {
    EXPECT_EQ(model.at(entry.key), entry.value);
    ++count;
  }
  EXPECT_EQ(count, model.size());
}

TEST_F(Containers, HashMapLetsGoOfWhatItRemoves) {
  using Map = HashMap<int, Ptr<Node>>;
  Root<Map> root = New<Map>();
  for (int i = 0; i < 100; ++i) (*root)[i] = New<Node>();
  CollectTo(103);
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(root->erase(i));
  CollectTo(53);
  EXPECT_EQ(root->erase_if([](const auto& entry) { return entry.key % 2 == 0; }), 25);
  CollectTo(28);
  root->clear();
  CollectTo(1);
  EXPECT_EQ(root->find(1), nullptr);
}

TEST_F(Containers, EraseIfSeesEachEntryThatStays) {
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    HashMap<int, int> map;
    std::map<int, int> model;
    for (int i = 0; i < 30; ++i) {
      const int key = static_cast<int>(random() % 1000);
      map[key] = model[key] = i;
    }
    const auto odd = [](int key) { return key % 2 == 1; };
    map.erase_if([&](const auto& entry) { return odd(entry.key); });
    std::erase_if(model, [&](const auto& entry) { return odd(entry.first); });
    ASSERT_EQ(map.size(), model.size());
    for (const auto& [key, value] : model) ASSERT_EQ(*map.find(key), value);
  }
}

TEST_F(Containers, HashMapKeysMayBeStringsOrPointers) {
  HashMap<String, int> map;
  map["one"] = 1;
  map[String("two")] = 2;
  EXPECT_EQ(*map.find(std::string_view("one")), 1);
  EXPECT_EQ(*map.find("two"), 2);
  EXPECT_EQ(*map.find(std::string("two")), 2);
  EXPECT_TRUE(std::string("two") == String("two"));
  EXPECT_FALSE(String("two") == std::string("tw"));
  HashMap<String, int> copy = map;
  copy["one"] = 7;
  EXPECT_EQ(map["one"], 1);
  HashMap<Ptr<Node>, int> by_address;
  Node* const node = New<Node>();
  by_address[node] = 4;
  EXPECT_EQ(*by_address.find(node), 4);
}

TEST_F(Containers, ListDoesAsStdList) {
  Root<List<int>> root = New<List<int>>();
  List<int>& ours = *root;
  std::list<int> model;
  std::mt19937 random(4);
  for (int step = 0; step < 2000; ++step) {
    const std::size_t steps = model.empty() ? 0 : random() % model.size();
    auto at = ours.begin();
    auto model_at = model.begin();
    for (std::size_t i = 0; i < steps; ++i) ++at, ++model_at;
    if (random() % 5 < 2 && !model.empty()) {
      at = ours.erase(at);
      model_at = model.erase(model_at);
      ASSERT_EQ(at == ours.end(), model_at == model.end());
    } else if (random() % 2 == 0) {
      ours.insert(at, step);
      model.insert(model_at, step);
    } else {
      ours.push_back(step);
      model.push_back(step);
    }
    ASSERT_EQ(ours.size(), model.size());
    ASSERT_TRUE(std::equal(model.begin(), model.end(), ours.begin()));
  }
  ours.push_front(-1);
  EXPECT_EQ(ours.front(), -1);
  ours.pop_front();
  ours.pop_back();
  CollectTo(ours.size() + 1);
}

TEST_F(Containers, IteratorsAreThoseOfTheLibrary) {
  static_assert(std::bidirectional_iterator<List<int>::iterator> &&
                std::bidirectional_iterator<List<int>::const_iterator> &&
                std::forward_iterator<HashMap<int, int>::iterator> &&
                std::forward_iterator<HashMap<int, int>::const_iterator>);
  static_assert(
      std::is_convertible_v<List<int>::iterator, List<int>::const_iterator> &&
      !std::is_convertible_v<List<int>::const_iterator, List<int>::iterator> &&
      std::is_convertible_v<HashMap<int, int>::iterator, HashMap<int, int>::const_iterator>);
  List<int> list = {3, 1, 2};
  EXPECT_EQ(*std::max_element(list.begin(), list.end()), 3);
  EXPECT_EQ(
      std::vector<int>(std::reverse_iterator(list.end()), std::reverse_iterator(list.begin())),
      (std::vector<int>{2, 1, 3}));
  const List<int>& same = list;
  static_assert(std::is_same_v<decltype(*same.begin()), const int&>);
  EXPECT_EQ(std::accumulate(same.begin(), same.end(), 0), 6);
  EXPECT_EQ(same.front() * 10 + same.back(), 32);
  auto at = list.end();
  EXPECT_EQ(*--at, 2);
  EXPECT_EQ(*at--, 2);
  EXPECT_EQ(*at++, 1);
  list.erase(--list.end());
  EXPECT_EQ(list.back(), 1);
  HashMap<int, int> map;
  for (int i = 0; i < 10; ++i) map[i] = i * i;
  EXPECT_EQ(std::count_if(map.begin(), map.end(), [](const auto& e) { return e.value > 8; }), 7);
}

TEST_F(Containers, ARemovedNodeHoldsNothing) {
  Root<List<Ptr<Node>>> list = New<List<Ptr<Node>>>();
  for (int i = 0; i < 3; ++i) list->push_back(New<Node>());
  Root<Ptr<Node>> kept = &list->front();
  list->erase(list->begin());
  list->clear();
  CollectTo(3);  // the list, the removed node, what it points to
}

TEST_F(Containers, StringsShareTheirText) {
  const String hello = "hello";
  const String world = hello + ", world";
  EXPECT_EQ(world, "hello, world");
  const String part = world.substr(7);
  EXPECT_EQ(part.data(), world.data() + 7);
  EXPECT_STREQ(part.c_str(), "world");
  EXPECT_STREQ(world.substr(0, 5).c_str(), "hello");
  EXPECT_EQ(world.substr(12).data(), nullptr);
  EXPECT_TRUE(String() == "");
  EXPECT_STREQ(String().c_str(), "");
  EXPECT_LT(hello, world);
  String sum;
  for (int i = 0; i < 3; ++i) sum += "ab";
  EXPECT_EQ(sum.view(), "ababab");
  EXPECT_EQ(std::hash<String>()(hello), std::hash<std::string_view>()("hello"));
}

TEST_F(Containers, StandardContainersHoldPtrsByRoots) {
  {
    std::map<int, Ptr<Node>, std::less<>, RootAllocator<std::pair<const int, Ptr<Node>>>> map;
    std::vector<Ptr<Node>, RootAllocator<Ptr<Node>>> vector;
    for (int i = 0; i < 20; ++i) {
      map[i] = New<Node>(nullptr, nullptr, i);
      vector.push_back(New<Node>());
    }
    Collect();
    for (int i = 0; i < 20; ++i) EXPECT_EQ(map[i]->value, i);
    map.erase(3);
    CollectTo(19u * 2 + 20 + 1);
  }
  CollectTo(0);
}

}  // namespace
}  // namespace spanheap
