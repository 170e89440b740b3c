// SPDX-License-Identifier: MIT
//
// Containers of the C++ library with collected pointers in them: RootAllocator makes their storage
// a root. Containers inside collected objects are Vector, HashMap, List and String.
#include <spanheap/gc.h>

#include <cstdio>
#include <map>
#include <string>
#include <vector>

using namespace spanheap;

struct Person {
  String name;
  Vector<Ptr<Person>> friends;
};

template <class Key, class Value>
using RootMap = std::map<Key, Value, std::less<Key>, RootAllocator<std::pair<const Key, Value>>>;
template <class T>
using RootVector = std::vector<T, RootAllocator<T>>;

int main() {
  RootMap<std::string, Ptr<Person>> people;
  for (const char* name : {"Ada", "Grace", "Barbara", "Frances"}) {
    Person* const person = New<Person>();
    person->name = name;
    for (const auto& [other, friend_of] : people) person->friends.push_back(friend_of);
    people[name] = person;
  }
  RootVector<Ptr<Person>> line;
  for (const auto& [name, person] : people) line.push_back(person);

  people.erase("Ada");  // still in line, and a friend
  for (int i = 0; i < 100'000; ++i) New<Person>();
  Collect();

  std::size_t friends = 0;
  for (const Ptr<Person>& person : line) friends += person->friends.size();
  std::printf("%s is first of %zu, %zu friendships\n", line[0]->name.c_str(), line.size(), friends);
  return line[0]->name == "Ada" && friends == 6 ? 0 : 1;
}
