// SPDX-License-Identifier: MIT
//
// A file handle that is closed when it is forgotten. Close() is still the right way: a cleanup runs
// some time after death, and this one is there for what was missed.
#include <fcntl.h>
#include <spanheap/gc.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>

using namespace spanheap;

std::atomic<int> closed_by_cleanup;

class File {
 public:
  static File* Open(const char* path) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return nullptr;
    File* const file = New<File>(fd);
    // The cleanup gets the number, not the file: it runs when that is gone.
    file->cleanup_ = AddCleanup(
        file,
        [](int forgotten) {
          close(forgotten);
          ++closed_by_cleanup;
        },
        fd);
    return file;
  }
  explicit File(int fd) : fd_(fd) {}

  ssize_t Read(void* buffer, std::size_t bytes) {
    const ssize_t got = read(fd_, buffer, bytes);
    KeepAlive(this);  // or the compiler may be done with `this` while read() waits
    return got;
  }
  void Close() {
    if (cleanup_.Stop()) close(fd_);
  }

 private:
  int fd_;
  Cleanup cleanup_;
  SH_LAYOUT(File);
};

[[gnu::noinline]] void ForgetFiles(int count) {
  char buffer[16];
  for (int i = 0; i < count; ++i) File::Open("/proc/self/status")->Read(buffer, sizeof(buffer));
}

int main() {
  File* const proper = File::Open("/proc/self/status");
  proper->Close();
  ForgetFiles(50);
  Collect();
  RunFinalizers();
  std::printf("%d of 50 files closed by their cleanups\n", closed_by_cleanup.load());
  return closed_by_cleanup > 45 && closed_by_cleanup <= 50 ? 0 : 1;
}
