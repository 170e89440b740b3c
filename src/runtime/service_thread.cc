// SPDX-License-Identifier: MIT
#include "runtime/service_thread.h"

#include "runtime/runtime.h"

namespace spanheap {

bool ServiceThread::Start(void* argument) {
  argument_ = argument;
  runtime.process_end.NoteStart();
  if (!os::Start(thread_)) return false;
  runtime.process_end.NoticeStarted();
  return true;
}

// A thread that leaves counts as the program's until it is gone.
void ServiceThread::Run(void* self) {
  const auto& mine = *static_cast<const ServiceThread*>(self);
  runtime.process_end.Enter();
  mine.body_(mine.argument_);
  runtime.process_end.Leave();
}

}  // namespace spanheap
