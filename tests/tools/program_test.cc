// SPDX-License-Identifier: MIT
//
// Programs of every kind that the launcher tells apart: built for the purpose (fixtures/), copied
// and changed.
#include "spanheap/program.h"

#include <elf.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "spanheap/elf_file.h"

namespace spanheap::tools {
namespace {

const std::string kFixtures = SPANHEAP_FIXTURES;
const std::string kLibrary = kFixtures + "/liblying_library.so";
const std::string kSubject = kFixtures + "/subject";

class ProgramTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& name, const std::string& text, mode_t mode = 0755) {
    const std::string path = (folder_ / name).string();
    std::ofstream(path) << text;
    chmod(path.c_str(), mode);
    return path;
  }
  // The subject with one byte of its header changed.
  std::string Changed(const std::string& name, long offset, char value) {
    const std::string path = (folder_ / name).string();
    std::filesystem::copy_file(kSubject, path);
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(offset).put(value);
    return path;
  }
  std::string ReasonFor(const std::string& image) {
    const auto obstacle = FindObstacle(image, kLibrary);
    return obstacle ? obstacle->reason : "";
  }

  const std::filesystem::path folder_ = std::filesystem::canonical(testing::TempDir()) /
                                        ("spanheap_program_test_" + std::to_string(getpid()));
};

TEST_F(ProgramTest, AnOrdinaryProgramTakesThePreload) {
  EXPECT_EQ(ReasonFor(kSubject), "");
  EXPECT_EQ(FindProgram(kSubject).image, kSubject);
}

TEST_F(ProgramTest, AStaticProgramIsRecognised) {
  EXPECT_NE(ReasonFor(kFixtures + "/subject_static").find("statically linked"), std::string::npos);
}

TEST_F(ProgramTest, AStaticPositionIndependentProgramIsRecognised) {
  EXPECT_NE(ReasonFor(kFixtures + "/subject_static_pie").find("statically linked"),
            std::string::npos);
}

TEST_F(ProgramTest, ASanitizerIsRecognisedLinkedEitherWay) {
  EXPECT_NE(ReasonFor(kFixtures + "/subject_asan").find("libasan"), std::string::npos);
  EXPECT_NE(ReasonFor(kFixtures + "/subject_asan_static").find("sanitizer"), std::string::npos);
}

TEST_F(ProgramTest, AMallocOfItsOwnIsRecognised) {
  EXPECT_NE(ReasonFor(kFixtures + "/subject_own_malloc").find("its own malloc"), std::string::npos);
}

TEST_F(ProgramTest, OtherArchitecturesAreRecognised) {
  EXPECT_NE(ReasonFor(Changed("narrow", EI_CLASS, ELFCLASS32)).find("32-bit"), std::string::npos);
  EXPECT_NE(ReasonFor(Changed("foreign", offsetof(Elf64_Ehdr, e_machine), EM_ARM))
                .find("another architecture"),
            std::string::npos);
}

TEST_F(ProgramTest, SetUserIdCountsOnlyIfItChangesTheUser) {
  const std::string path = (folder_ / "elevated").string();
  std::filesystem::copy_file(kSubject, path);
  chmod(path.c_str(), 04755);
  EXPECT_EQ(ReasonFor(path), "") << "its owner is this user";
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file to another user";
  ASSERT_EQ(chown(path.c_str(), 65534, 0), 0);
  chmod(path.c_str(), 04755);
  EXPECT_NE(ReasonFor(path).find("set-user-id"), std::string::npos);
  ASSERT_EQ(chown(path.c_str(), 0, 65534), 0);
  chmod(path.c_str(), 02755);
  EXPECT_NE(ReasonFor(path).find("set-group-id"), std::string::npos);
}

TEST_F(ProgramTest, WhatIsNoLibraryIsRefused) {
  const auto obstacle = FindObstacle(kSubject, Write("text", "no library"));
  ASSERT_TRUE(obstacle);
  EXPECT_NE(obstacle->reason.find("is not a shared library"), std::string::npos);
}

TEST_F(ProgramTest, ScriptsAreFollowedToTheirInterpreter) {
  const std::string inner = Write("inner", "#! " + kSubject + " copy\n");
  const std::string outer = Write("outer", "#!" + inner + "\n");
  EXPECT_EQ(FindProgram(outer).image, kSubject);
  EXPECT_EQ(FindProgram(outer).path, outer);
  EXPECT_FALSE(FindProgram(outer).needs_shell);
  const Program plain = FindProgram(Write("plain", "echo hello\n"));
  EXPECT_EQ(plain.image, "/bin/sh");
  EXPECT_TRUE(plain.needs_shell);
}

TEST_F(ProgramTest, AScriptWithoutItsInterpreterIsNotFound) {
  const Program program = FindProgram(Write("orphan", "#!/nonexistent/interpreter\n"));
  EXPECT_EQ(program.exit_code, 127);
  EXPECT_NE(program.error.find("/nonexistent/interpreter"), std::string::npos);
}

TEST_F(ProgramTest, ScriptsThatInterpretThemselvesEnd) {
  const std::string path = (folder_ / "circle").string();
  Write("circle", "#!" + path + "\n");
  EXPECT_EQ(FindProgram(path).exit_code, 126);
}

TEST_F(ProgramTest, ExitCodesAreThoseOfShells) {
  EXPECT_EQ(FindProgram("no-such-program-anywhere").exit_code, 127);
  EXPECT_EQ(FindProgram("/nonexistent/program").exit_code, 127);
  EXPECT_EQ(FindProgram(folder_.string()).exit_code, 126);
  EXPECT_EQ(FindProgram(Write("closed", "x", 0644)).exit_code, 126);
}

TEST_F(ProgramTest, TheSearchPathPrefersWhatCanBeExecuted) {
  Write("tool", "x", 0644);
  std::filesystem::create_directories(folder_ / "later");
  const std::string wanted = Write("later/tool", "#!/bin/sh\n");
  const std::string old = std::getenv("PATH");
  setenv("PATH", (folder_.string() + ":" + folder_.string() + "/later").c_str(), 1);
  EXPECT_EQ(FindProgram("tool").path, wanted);
  setenv("PATH", folder_.c_str(), 1);
  EXPECT_EQ(FindProgram("tool").exit_code, 126);
  setenv("PATH", old.c_str(), 1);
}

TEST_F(ProgramTest, AnElfFileCutShortAnywhereIsSurvived) {
  std::ifstream file(kSubject, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(file)), {});
  for (size_t size = 0; size < whole.size(); size += 1 + size / 16) {
    ReadElfFile(Write("cut", whole.substr(0, size)), {});
  }
}

}  // namespace
}  // namespace spanheap::tools
