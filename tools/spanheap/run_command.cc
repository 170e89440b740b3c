// SPDX-License-Identifier: MIT
#include "spanheap/run_command.h"

#include <fmt/core.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <system_error>

#include "spanheap/child.h"
#include "spanheap/preload.h"
#include "spanheap/printable.h"
#include "spanheap/program.h"
#include "spanheap/recorder.h"
#include "spanheap/report.h"
#include "spanheap/say.h"
#include "spanheap/tracer.h"
#include "spanheap/whole_file.h"

namespace spanheap::tools {
namespace {

constexpr int kCannotExecute = 126;
constexpr int kNotFound = 127;
// The library keeps the report's path in a few hundred bytes.
constexpr size_t kLongestParent = 200;

// True if SPANHEAP can hold it as one piece.
bool IsOptionText(const std::string& text) {
  return text.find_first_of(", \t\r\n#") == std::string::npos;
}

// A folder of our own, gone with the object: what appears in it, the child's library wrote.
class PrivateFolder {
 public:
  PrivateFolder() {
    std::filesystem::path parent = std::filesystem::temp_directory_path();
    if (!IsOptionText(parent.string()) || parent.string().size() > kLongestParent) parent = "/tmp";
    std::string name = (parent / "spanheap-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
      throw std::system_error(errno, std::generic_category(), name);
    }
    path_ = name;
  }
  ~PrivateFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;

  std::string File(const char* name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

std::string VariableOr(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : otherwise;
}

// "exit code 3", "signal 11 (Segmentation fault)".
std::string DescribeEnd(int wait_status) {
  if (WIFEXITED(wait_status)) return fmt::format("exit code {}", WEXITSTATUS(wait_status));
  return fmt::format("signal {} ({})", WTERMSIG(wait_status), strsignal(WTERMSIG(wait_status)));
}

// One run: what was asked for, and what is found out about it on the way.
class Run {
 public:
  explicit Run(const RunOptions& options) : options_(options) {}

  int Launch() {
    const Program program = FindProgram(options_.command.front());
    if (program.exit_code != 0) {
      Say(program.error);
      return program.exit_code;
    }
    library_ = FindLibrary();
    obstacle_ = FindObstacle(program.image, library_);
    if (obstacle_) {
      Say(fmt::format("cannot preload into {}: {}", program.image, obstacle_->reason));
      if (!options_.force) return kLaunchFailed;
    }
    if (!options_.json_path.empty()) RequireWritable(options_.json_path);
    if (WantsReport()) folder_.emplace();
    if (!options_.record_path.empty()) {
      recorder_.emplace(options_.record_path, options_.interval_ms, options_.command);
    }
    if (!options_.trace_path.empty()) tracer_.emplace(options_.trace_path).Create();
    end_ = RunChild(PlanFor(program));
    if (recorder_) is_complete_ = FinishFile(*recorder_, "recorded") && is_complete_;
    if (tracer_) is_complete_ = FinishFile(*tracer_, "traced") && is_complete_;
    if (end_.exec_error != 0) return ReportExecError(program);
    return Conclude();
  }

 private:
  bool WantsReport() const {
    return options_.stats || options_.check || !options_.json_path.empty();
  }
  std::string ReportPath() const { return folder_->File("report.json"); }

  ChildPlan PlanFor(const Program& program) {
    ChildPlan plan;
    plan.path = program.path;
    plan.arguments = options_.command;
    if (program.needs_shell) {
      plan.path = program.image;
      plan.arguments.front() = program.path;
      plan.arguments.insert(plan.arguments.begin(), program.image);
    }
    plan.library = library_;
    plan.holds_at_end = options_.check && !obstacle_;
    plan.on_start = [this](pid_t child) {
      if (recorder_) recorder_->Start(child);
      if (tracer_) tracer_->Start(child);
    };
    plan.environment = [this](pid_t child) { return EnvironmentOf(child); };
    return plan;
  }

  // Where the user wants the report from the library itself, which is told another place.
  std::string OwnReportPath() const {
    const std::string settings = TextOf("/etc/spanheap.conf") + "\n" +
                                 AppendOptions(VariableOr("SPANHEAP", ""), options_.settings);
    return ValueOfOption(settings, "stats_json");
  }

  std::vector<std::string> EnvironmentOf(pid_t child) const {
    std::vector<std::string> settings = options_.settings;
    if (WantsReport()) {
      settings.push_back(fmt::format("stats_pid={}", child));
      settings.push_back("stats_json=" + ReportPath());
    }
    std::vector<std::string> changes;
    if (!settings.empty()) {
      changes.push_back("SPANHEAP=" + AppendOptions(VariableOr("SPANHEAP", ""), settings));
    }
    if (!obstacle_ || !obstacle_->harmful) {
      changes.push_back("LD_PRELOAD=" + PrependPreload(library_, VariableOr("LD_PRELOAD", "")));
    }
    return Environment(changes);
  }

  // False when what was seen is not all in the file.
  template <class File>
  static bool FinishFile(File& file, const char* done) {
    const std::string why_empty = file.Finish();
    const std::string& why_cut = file.why_cut();
    if (!why_empty.empty()) {
      Say(fmt::format("nothing was {}: {}", done, why_empty));
    } else if (!why_cut.empty()) {
      Say(fmt::format("not all was {}: {}", done, why_cut));
    }
    return why_cut.empty();
  }

  int ReportExecError(const Program& program) const {
    // The file is there, it was looked at: what is not is what the kernel needs to run it.
    const std::string loader = end_.exec_error == ENOENT ? MissingLoaderOf(program.image) : "";
    Say(loader.empty() ? fmt::format("{}: {}", program.path, std::strerror(end_.exec_error))
                       : fmt::format("{}: its interpreter {} is not there", program.image, loader));
    return end_.exec_error == ENOENT ? kNotFound : kCannotExecute;
  }

  int Conclude() {
    const bool is_reported = WantsReport() && std::filesystem::exists(ReportPath());
    if (is_reported) end_.proof = PreloadProof::kMapped;
    if (end_.proof == PreloadProof::kAbsent && !obstacle_) {
      Say(fmt::format("{} was not preloaded into {}: the dynamic linker passed it over", library_,
                      options_.command.front()));
    } else if (options_.check) {
      SayProof(is_reported);
    }
    if (is_reported) KeepOwnReport();
    if (options_.stats || !options_.json_path.empty()) {
      is_complete_ = HandOverReport(is_reported) && is_complete_;
    }
    const bool is_unproven = options_.check && end_.proof != PreloadProof::kMapped;
    if (WIFEXITED(end_.wait_status) && WEXITSTATUS(end_.wait_status) == 0 &&
        (is_unproven || !is_complete_)) {
      return kLaunchFailed;
    }
    folder_.reset();
    EndLike(end_.wait_status);
  }

  void SayProof(bool is_reported) const {
    if (end_.proof != PreloadProof::kMapped) {
      Say(fmt::format("active: not proven; {} ended (with {}) before its mappings were seen",
                      options_.command.front(), DescribeEnd(end_.wait_status)));
      return;
    }
    Say(fmt::format("active: yes; {} is mapped in process {}{}", library_, end_.pid,
                    is_reported ? " and reported from it at its end" : ""));
  }

  void KeepOwnReport() const {
    const std::string path = OwnReportPath();
    if (path.empty()) return;
    const std::string why_not = WriteText(path, TextOf(ReportPath()));
    if (!why_not.empty()) Say(fmt::format("stats_json: {}: {}", path, why_not));
  }

  // False when the report is not what it should be.
  bool HandOverReport(bool is_reported) const {
    if (!is_reported) {
      Say(fmt::format("no heap report: {} ended with {}{}", options_.command.front(),
                      DescribeEnd(end_.wait_status),
                      WIFEXITED(end_.wait_status) ? ", by _exit, without the library, as another "
                                                    "user, or where it sees other files (chroot)"
                                                  : ""));
      return true;
    }
    try {
      return HandOver(ReadReport(ReportPath()));
    } catch (const std::runtime_error& error) {
      Say(error.what());
      return false;
    }
  }

  bool HandOver(const Report& report) const {
    std::string why_not;
    if (!options_.json_path.empty()) {  // first: nobody may be there to read the text
      why_not = WriteText(options_.json_path, TextOf(ReportPath()));
    }
    if (options_.stats) SayText(RenderReport(report, Title()));
    if (!why_not.empty()) {
      Say(fmt::format("{}: {}", options_.json_path, why_not));
      return false;
    }
    if (report.AddsUp()) return true;
    Say("the heap report does not add up");
    return false;
  }

  std::string Title() const {
    return fmt::format("spanheap: heap of {} (process {}) at its end, {}",
                       Printable(options_.command.front()), end_.pid,
                       DescribeEnd(end_.wait_status));
  }

  const RunOptions& options_;
  std::string library_;
  std::optional<Obstacle> obstacle_;
  std::optional<PrivateFolder> folder_;
  std::optional<Recorder> recorder_;
  std::optional<Tracer> tracer_;
  ChildEnd end_;
  bool is_complete_ = true;  // what was asked for is in its files
};

}  // namespace

bool IsSetting(const std::string& text) {
  const size_t equals = text.find('=');
  return equals != 0 && equals != std::string::npos && IsOptionText(text);
}

int RunProgram(const RunOptions& options) { return Run(options).Launch(); }

}  // namespace spanheap::tools
