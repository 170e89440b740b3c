// SPDX-License-Identifier: MIT
//
// pipeline: a reader allocates a message with a body, a worker replaces the body by a longer one, a
// writer frees both; each is a thread of its own, batches go through rings. One item is one message
// (three mallocs, three frees on three threads).
#include <cstdlib>
#include <cstring>

#include "bench/harness/batch_ring.h"
#include "bench/programs/program_rows.h"

namespace spanheap::bench {
namespace {

struct Message {
  std::size_t size;
  char* body;
};

void ReadMessages(BatchRing& out, const SizeTable& sizes, std::uint64_t batches) {
  std::uint64_t drawn = 0;
  for (std::uint64_t b = 0; b < batches; ++b) {
    BatchRing::Batch& batch = out.WaitForRoom();
    for (void*& item : batch.items) {
      auto* message = static_cast<Message*>(std::malloc(sizeof(Message)));
      message->size = sizes.At(drawn++);
      message->body = static_cast<char*>(std::malloc(message->size));
      message->body[0] = 1;
      item = message;
    }
    out.Publish();
  }
}

void Transform(Message& message) {
  const std::size_t size = message.size + message.size / 2;
  auto* body = static_cast<char*>(std::malloc(size));
  std::memcpy(body, message.body, message.size < 64 ? message.size : 64);
  std::free(message.body);
  message = {size, body};
}

void WorkOnMessages(BatchRing& in, BatchRing& out, std::uint64_t batches) {
  for (std::uint64_t b = 0; b < batches; ++b) {
    BatchRing::Batch& taken = in.WaitForBatch();
    BatchRing::Batch& given = out.WaitForRoom();
    for (std::size_t i = 0; i < BatchRing::kBatch; ++i) {
      Transform(*static_cast<Message*>(taken.items[i]));
      given.items[i] = taken.items[i];
    }
    in.Release();
    out.Publish();
  }
}

void WriteMessages(BatchRing& in, std::uint64_t batches) {
  for (std::uint64_t b = 0; b < batches; ++b) {
    BatchRing::Batch& batch = in.WaitForBatch();
    for (void* item : batch.items) {
      auto* message = static_cast<Message*>(item);
      Escape(message->body[0]);
      std::free(message->body);
      std::free(message);
    }
    in.Release();
  }
}

Sample Pipeline(const Row& row, const Plan& plan) {
  const SizeTable sizes(row.mix, 59);
  MappedArray<BatchRing> rings(2, Backing::kOrdinary);
  return MeasureTimed(
      plan, static_cast<double>(BatchRing::kBatch),
      [&](std::uint64_t batches) {
        return TimeThreads(row.threads, [&](int stage) {
          if (stage == 0) ReadMessages(rings[0], sizes, batches);
          if (stage == 1) WorkOnMessages(rings[0], rings[1], batches);
          if (stage == 2) WriteMessages(rings[1], batches);
        });
      },
      kLeastThreadItems / BatchRing::kBatch);
}

constexpr Row kRows[] = {
    {.name = "pipeline.small", .measure = Pipeline, .threads = 3},
    {.name = "pipeline.web", .measure = Pipeline, .mix = Mix::kWeb, .threads = 3, .heavy_mib = 32},
};

}  // namespace

std::span<const Row> MessageRows() { return kRows; }

}  // namespace spanheap::bench
