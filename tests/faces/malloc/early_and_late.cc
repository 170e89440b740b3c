// SPDX-License-Identifier: MIT
//
// A program that allocates as early and frees as late as a program can. Exit code 0 and the line
// "last destructor" on stderr: every block was whole at each step.
#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

namespace {

// Blocks made in one phase and freed in a later one.
char* from_resolver = nullptr;
char* from_preinit = nullptr;
char* from_constructor = nullptr;

char* Make(char mark) {
  auto* p = static_cast<char*>(malloc(100));
  memset(p, mark, 100);
  return p;
}

void Unmake(char*& p, char mark) {
  if (p == nullptr) return;
  for (int i = 0; i < 100; ++i) {
    if (p[i] != mark) _exit(10);
  }
  free(p);
  p = nullptr;
}

void AtPreinit() { from_preinit = Make('p'); }

__attribute__((constructor(101))) void AtConstructor() {
  from_constructor = Make('c');
  from_constructor = static_cast<char*>(realloc(from_constructor, 100000));
  free(calloc(7, 1000));
}

__attribute__((destructor(101))) void AtLast() {
  Unmake(from_resolver, 'r');
  Unmake(from_preinit, 'p');
  Unmake(from_constructor, 'c');
  free(Make('x'));
  constexpr char kLine[] = "last destructor\n";
  if (write(STDERR_FILENO, kLine, sizeof kLine - 1) < 0) _exit(11);
}

std::string global_text(1000, 'g');

struct AtEnd {
  ~AtEnd() { text += std::string(5000, 'e'); }
  std::string text = "made by a global constructor, long enough for the heap";
};
AtEnd at_end;
thread_local AtEnd at_thread_end;

}  // namespace

__attribute__((section(".preinit_array"), used)) void (*preinit)() = AtPreinit;

#ifdef WITH_RESOLVER
// The dynamic linker calls the resolver while it is still linking the program.
extern "C" {
static int Resolved() { return 42; }
static int (*Resolve())() {
  from_resolver = Make('r');
  return Resolved;
}
int Chosen() __attribute__((ifunc("Resolve")));
}
#else
static int Chosen() { return 42; }
#endif

int main() {
  if (Chosen() != 42) return 12;
#ifdef WITH_RESOLVER
  if (from_resolver == nullptr) return 13;
  // dlsym and dlerror allocate inside libc.
  if (dlsym(RTLD_DEFAULT, "no such symbol") != nullptr || dlerror() == nullptr) return 14;
  if (dlsym(RTLD_NEXT, "malloc") == nullptr) return 15;
#endif
  if (from_preinit == nullptr || from_constructor == nullptr) return 16;
  atexit([] { free(malloc(200000)); });
  at_thread_end.text += "main";
  std::thread([] { at_thread_end.text += global_text; }).join();
  // Left running while the process ends.
  std::thread([] {
    for (;;) free(malloc(300));
  }).detach();
  return 0;
}
