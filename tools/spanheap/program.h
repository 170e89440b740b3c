// SPDX-License-Identifier: MIT
//
// Program: what a command name stands for, and whether a library can be preloaded into it.
//
// Idea.  The name is looked up as a shell does it. A script is followed along its #! lines to the
//        binary that will really run, because that one must take the preload.
// Fails. FindProgram says why a program cannot be run, with the exit code shells use for it: 127
//        when there is none of that name, 126 when it may not be executed.
// Tests. tests/tools/program_test.cc, tests/tools/launch_test.py.
#pragma once

#include <optional>
#include <string>

namespace spanheap::tools {

struct Program {
  std::string path;          // the file that is found
  std::string image;         // the binary that runs: `path`, or the interpreter of the script it is
  bool needs_shell = false;  // a text without #!: the kernel refuses it, a shell reads it
  int exit_code = 0;         // 0, or 126 or 127 with
  std::string error;         // the reason
};
Program FindProgram(const std::string& name);

// The dynamic linker that a program names and that is not there; empty: that is not what is wrong.
std::string MissingLoaderOf(const std::string& image);

struct Obstacle {
  std::string reason;    // completes "cannot be preloaded into X: ..."
  bool harmful = false;  // setting the preload all the same would keep the program from running
};
// No value: nothing speaks against preloading `library` into `image`.
std::optional<Obstacle> FindObstacle(const std::string& image, const std::string& library);

}  // namespace spanheap::tools
