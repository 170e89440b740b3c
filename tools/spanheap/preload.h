// SPDX-License-Identifier: MIT
//
// Preload: the library that `spanheap run` puts in front of a program, and the environment that
// does it.
//
// Idea.  The library lies beside this command in a build tree and in ../<libdir> where installed;
//        SPANHEAP_LIBRARY names another one. The environment is the caller's with two changes:
//        LD_PRELOAD begins with the library, SPANHEAP ends with the options (later ones win).
// Fails. FindLibrary throws std::runtime_error with the reason: not there, or a path that
//        LD_PRELOAD cannot hold (it separates by spaces and colons).
// Tests. tests/tools/preload_test.cc.
#pragma once

#include <string>
#include <vector>

namespace spanheap::tools {

// Absolute, symbolic links resolved: the name under which the kernel lists its mappings.
std::string FindLibrary();

// The same list with `library` in front, once.
std::string PrependPreload(const std::string& library, const std::string& list);
// `options` appended to what SPANHEAP holds.
std::string AppendOptions(const std::string& present, const std::vector<std::string>& options);

// What the library takes from settings for this name: the last value; empty: there is none.
std::string ValueOfOption(const std::string& settings, const std::string& name);

// The caller's environment as "NAME=value" with those of `changes` replaced or added.
std::vector<std::string> Environment(const std::vector<std::string>& changes);

}  // namespace spanheap::tools
