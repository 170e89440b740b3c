// SPDX-License-Identifier: MIT
#include "collect/mark_queue.h"

#include "os/futex.h"

namespace spanheap::collected {

WorkBatch* MarkQueue::NewBatch() {
  {
    MutexLock lock(mutex_);
    if (free_ != nullptr) {
      WorkBatch* batch = free_;
      free_ = batch->next;
      batch->count = 0;
      return batch;
    }
  }
  auto* batch =
      static_cast<WorkBatch*>(metadata_->Allocate(Bytes(sizeof(WorkBatch)), Bytes(kCacheLine)));
  return batch;
}

void MarkQueue::FreeBatch(WorkBatch* batch) {
  MutexLock lock(mutex_);
  batch->next = free_;
  free_ = batch;
}

void MarkQueue::PutObjects(WorkBatch* batch) {
  {
    MutexLock lock(mutex_);
    batch->next = objects_;
    objects_ = batch;
    object_batches_.StoreRelease(object_batches_.LoadAcquire() + 1);
    passed_on_.StoreRelease(passed_on_.LoadAcquire() + 1);
  }
  Tell();
}

void MarkQueue::PutSpans(WorkBatch* batch) {
  {
    MutexLock lock(mutex_);
    batch->next = nullptr;
    (spans_ == nullptr ? spans_ : last_span_->next) = batch;
    last_span_ = batch;
    span_batches_.StoreRelease(span_batches_.LoadAcquire() + 1);
    passed_on_.StoreRelease(passed_on_.LoadAcquire() + 1);
  }
  Tell();
}

WorkBatch* MarkQueue::TakeObjects() {
  if (!has_objects()) return nullptr;
  MutexLock lock(mutex_);
  WorkBatch* batch = objects_;
  if (batch == nullptr) return nullptr;
  objects_ = batch->next;
  object_batches_.StoreRelease(object_batches_.LoadAcquire() - 1);
  return batch;
}

WorkBatch* MarkQueue::TakeSpans() {
  if (!has_spans()) return nullptr;
  MutexLock lock(mutex_);
  WorkBatch* batch = spans_;
  if (batch == nullptr) return nullptr;
  spans_ = batch->next;
  span_batches_.StoreRelease(span_batches_.LoadAcquire() - 1);
  return batch;
}

// ---- sleeping

// The sleeper counts itself and the kernel then compares the word; who has news changes the word
// and then looks at the count. All are sequential: one of the two sees the other.
void MarkQueue::AwaitNews(uint32_t seen) {
  constexpr uint64_t kLongest_ns = 10'000'000;  // nothing hangs on a wake-up alone
  sleepers_.raw().fetch_add(1, std::memory_order_seq_cst);
  if (news() == seen) os::FutexWaitFor_ns(news_, seen, kLongest_ns);
  sleepers_.FetchSub(1);
}

void MarkQueue::Tell() {
  news_.raw().fetch_add(1, std::memory_order_seq_cst);
  if (sleepers() != 0) os::FutexWakeOne(news_);
}

void MarkQueue::Announce() {
  news_.raw().fetch_add(1, std::memory_order_seq_cst);
  if (sleepers() != 0) os::FutexWakeAll(news_);
}

}  // namespace spanheap::collected
