// SPDX-License-Identifier: MIT
//
// Fuzz target: byte scripts as operations on the page allocator, beside the plain model.
//
// Idea.  Each operation is a line of the script language (tests/pages/driver), run on the bitmaps
//        and on the model; the answers must be equal to the byte, refusals included. Frees are of
//        what was handed out, in whole, in part, or (now and then) of anything at all.
#include <iterator>
#include <string>
#include <vector>

#include "models/page_model.h"
#include "pages/driver/script_runner.h"
#include "script_bytes.h"

namespace spanheap::fuzz {
namespace {

constexpr uint32_t kMostChunks = 24;
constexpr uint32_t kCaches = 3;

class Session {
 public:
  explicit Session(ScriptBytes& script) : script_(script) {}

  void Run() {
    while (!script_.at_end()) Step();
    Say("verify");
    Say("dump");
    for (uint64_t level = 0; level < script::kLevels; ++level) {
      Say("summary " + std::to_string(level) + " 0");
    }
  }

 private:
  struct Piece {
    uint64_t page;
    uint64_t count;
  };

  static std::string Answer(script::Machine& machine, const std::string& line) {
    try {
      return script::RunLine(machine, line);
    } catch (const script::ScriptError&) {
      return "refused";
    }
  }

  std::string Say(const std::string& line) {
    std::string ours = Answer(*machine_, line);
    const bool same = ours == Answer(model_, line);
    if (!same) fprintf(stderr, "at '%s': %s", line.c_str(), ours.c_str());
    Require(same, "the allocator and the model answer differently");
    return ours;
  }

  void Note(const std::string& answer, uint64_t count) {
    if (answer.rfind("page ", 0) == 0) live_.push_back({std::stoull(answer.substr(5)), count});
  }

  void Step() {
    switch (script_.Below(10)) {
      case 0:
        return Chunk();
      case 1:
      case 2:
        return Alloc();
      case 3:
      case 4:
        return Free();
      case 5:
        return Take();
      case 6:
        return CacheAlloc();
      case 7:
        return Flush(script_.Below(kCaches));
      case 8:
        Say("scavenge " + std::to_string(script_.Size(11)));
        return;
      default:
        Say(script_.Below(2) == 0 ? "verify" : "scavenge all");
    }
  }

  std::string Range() {
    const uint32_t start = script_.Below(512);
    return std::to_string(start) + '+' + std::to_string(1 + script_.Below(512 - start));
  }

  // Neighbours, near ones and one far away.
  void Chunk() {
    if (chunks_ == kMostChunks) return;
    const uint32_t far = script_.Below(8) == 0 ? 100'000 : 0;
    std::string line = "chunk " + std::to_string(far + script_.Below(40));
    if (script_.Below(2) == 0) line += " alloc " + Range() + ' ' + Range();
    if (script_.Below(2) == 0) line += " scav " + Range() + ' ' + Range();
    if (Say(line) == "ok\n") ++chunks_;
  }

  void Alloc() {
    const uint64_t n = 1 + script_.Size(12);
    Note(Say("alloc " + std::to_string(n)), n);
  }

  void Free() {
    if (live_.empty() || script_.Below(32) == 0) return FreeAnything();
    const size_t at = script_.Below(static_cast<uint32_t>(live_.size()));
    Piece& piece = live_[at];
    const uint64_t n = script_.Below(2) == 0 ? piece.count : 1 + script_.Below(piece.count);
    Say("free " + std::to_string(piece.page) + ' ' + std::to_string(n));
    piece.page += n;
    piece.count -= n;
    if (piece.count != 0) return;
    piece = live_.back();
    live_.pop_back();
  }

  // Where no cache can be hurt: then both must refuse it unless all of it is in use.
  void FreeAnything() {
    for (uint32_t id = 0; id < kCaches; ++id) Flush(id);
    const uint64_t page = script_.Half();
    const uint64_t n = 1 + script_.Below(600);
    const std::string answer = Say("free " + std::to_string(page) + ' ' + std::to_string(n));
    if (answer == "ok\n") live_.clear();  // pieces of it may be in the list; leave the rest be
  }

  void Take() {
    const uint32_t id = script_.Below(kCaches);
    Flush(id);
    Say("take " + std::to_string(id));
  }

  void CacheAlloc() {
    const uint64_t n = 1 + script_.Size(6);
    Note(Say("cache_alloc " + std::to_string(script_.Below(kCaches)) + ' ' + std::to_string(n)), n);
  }

  void Flush(uint32_t id) { Say("flush " + std::to_string(id)); }

  ScriptBytes& script_;
  std::unique_ptr<script::Machine> machine_ = script::MakeBitmapMachine();
  model::PageModel model_;
  uint32_t chunks_ = 0;
  std::vector<Piece> live_;
};

}  // namespace
}  // namespace spanheap::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  spanheap::fuzz::ScriptBytes script(data, size);
  spanheap::fuzz::Session(script).Run();
  return 0;
}
