/* SPDX-License-Identifier: MIT
 *
 * A C program that meets C++ late, or never.
 *
 * usage: late_cxx PLUGIN   loads the C++ plugin for itself alone and runs its checks
 *        late_cxx          calls operator new for more than there is, with no C++ runtime anywhere
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static void* look_up(void* library, const char* name) {
  void* found = dlsym(library, name);
  if (found == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    exit(2);
  }
  return found;
}

int main(int argc, char** argv) {
  if (argc < 2) {
    void* (*operator_new)(size_t) = (void* (*)(size_t))look_up(RTLD_DEFAULT, "_Znwm");
    return operator_new((size_t)1 << 61) == NULL ? 3 : 4;
  }
  void* plugin = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (plugin == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return 2;
  }
  int (*run)(void) = (int (*)(void))look_up(plugin, "run_plugin");
  return run();
}
