// SPDX-License-Identifier: MIT
//
// Threads share collected objects without saying who owns them: four producers push onto a
// lock-free stack, one consumer takes from it. A node that was taken cannot come back under the
// same address while somebody still looks at it: its pointer keeps it.
#include <spanheap/gc.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

using namespace spanheap;

struct Message {
  Ptr<Message> next;
  int value;
};
struct Mailbox {
  AtomicPtr<Message> head;

  void Push(int value) {
    Message* const message = New<Message>(nullptr, value);
    Message* head_now = head.load();
    do {
      message->next = head_now;
    } while (!head.compare_exchange(head_now, message));
  }
  Message* TakeAll() { return head.exchange(nullptr); }
};

constexpr int kProducers = 4;
constexpr int kMessages = 50'000;

int main() {
  Root<Mailbox> mailbox = New<Mailbox>();
  std::atomic<int> running = kProducers;
  std::vector<std::thread> producers;
  for (int i = 0; i < kProducers; ++i) {
    producers.emplace_back([&, box = mailbox] {  // a Root: lambdas of std::thread are not scanned
      for (int value = 1; value <= kMessages; ++value) box->Push(value);
      --running;
    });
  }
  long sum = 0, count = 0;
  for (bool done = false; !done;) {
    done = running == 0;
    for (Message* m = mailbox->TakeAll(); m != nullptr; m = m->next, ++count) sum += m->value;
    const BlockingRegion waiting;  // the collector need not stop a thread that sleeps
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  for (std::thread& producer : producers) producer.join();
  std::printf("%ld messages, sum %ld\n", count, sum);
  const long each = long{kMessages} * (kMessages + 1) / 2;
  return count == long{kProducers} * kMessages && sum == kProducers * each ? 0 : 1;
}
