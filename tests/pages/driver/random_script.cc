// SPDX-License-Identifier: MIT
#include "pages/driver/random_script.h"

#include <random>
#include <set>
#include <sstream>
#include <vector>

#include "pages/driver/script_runner.h"

namespace spanheap::script {
namespace {

constexpr uint64_t kCaches = 4;
constexpr size_t kMostChunks = 48;

class Writer {
 public:
  Writer(Machine& machine, uint64_t seed, const std::function<void(const std::string&)>& write)
      : machine_(machine), random_(seed), write_(write) {}

  void Line() {
    const uint64_t what = Below(100);
    if (chunks_.empty() || (what < 6 && chunks_.size() < kMostChunks)) return NewChunk();
    if (what < 34) return Alloc();
    if (what < 60) return Free();
    if (what < 68) return Take();
    if (what < 80) return CacheAlloc();
    if (what < 86) return Flush();
    if (what < 92) return Scavenge();
    if (what < 96) return Summary();
    Run(what == 96 ? "dump" : what == 97 ? "in_use" : "verify");
  }

 private:
  struct Piece {
    uint64_t page;
    uint64_t count;
  };

  uint64_t Below(uint64_t n) { return std::uniform_int_distribution<uint64_t>(0, n - 1)(random_); }
  // Small numbers are the usual ones, large ones occur.
  uint64_t Size() { return 1 + Below(uint64_t{1} << Below(12)); }

  std::string Run(const std::string& line) {
    std::string answer = RunLine(machine_, line);
    write_(line);
    return answer;
  }

  uint64_t PickChunk() {
    const uint64_t near = chunks_.empty() ? 0 : *std::next(chunks_.begin(), Below(chunks_.size()));
    switch (Below(8)) {
      case 0:
        return Below(1 << 20);
      case 1:
        return Below(4096);
      case 2:
        return near + 2 + Below(6);
      case 3:
        return near > 0 ? near - 1 : 0;
      default:
        return near + 1;
    }
  }

  void NewChunk() {
    uint64_t chunk = PickChunk();
    while (chunks_.count(chunk) != 0) ++chunk;
    std::string line = "chunk " + std::to_string(chunk);
    std::vector<bool> used(512);
    if (Below(2) == 0) {
      line += " alloc";
      for (uint64_t i = 1 + Below(4); i > 0; --i) {
        const Piece r = InChunk();
        line += ' ' + Text(r);
        for (uint64_t p = r.page; p < r.page + r.count; ++p) used[p] = true;
      }
    }
    if (Below(2) == 0) {
      line += " scav";
      for (uint64_t i = 1 + Below(4); i > 0; --i) line += ' ' + Text(InChunk());
    }
    Run(line);
    chunks_.insert(chunk);
    for (uint64_t from = 0; from < 512;) {
      uint64_t end = from;
      while (end < 512 && used[end]) ++end;
      if (end > from) live_.push_back({chunk * 512 + from, end - from});
      from = end + 1;
    }
  }

  Piece InChunk() {
    const uint64_t start = Below(8) == 0 ? 0 : Below(512);
    const uint64_t room = 512 - start;
    return {start, Below(8) == 0 ? room : 1 + Below(room)};
  }
  static std::string Text(Piece r) {
    return std::to_string(r.page) + '+' + std::to_string(r.count);
  }

  void Keep(const std::string& answer, uint64_t count) {
    std::istringstream words(answer);
    std::string word;
    uint64_t page = 0;
    if (words >> word && word == "page" && words >> page) live_.push_back({page, count});
  }

  void Alloc() {
    const uint64_t n = Size();
    Keep(Run("alloc " + std::to_string(n)), n);
  }

  void Free() {
    if (live_.empty()) return Alloc();
    Piece& r = live_[Below(live_.size())];
    Piece gone = r;
    if (r.count > 1 && Below(4) == 0) {  // a part at either end
      gone.count = 1 + Below(r.count - 1);
      if (Below(2) == 0) {
        r.page += gone.count;
      } else {
        gone.page += r.count - gone.count;
      }
      r.count -= gone.count;
    } else {
      r = live_.back();
      live_.pop_back();
    }
    Run("free " + std::to_string(gone.page) + ' ' + std::to_string(gone.count));
  }

  // A cache is filled only when nothing is left in it; that is known for certain after a flush.
  void Take() {
    const uint64_t id = Below(kCaches);
    if (filled_.count(id) != 0) return FlushCache(id);
    if (Run("take " + std::to_string(id)) != "fail\n") filled_.insert(id);
  }

  void CacheAlloc() {
    const uint64_t n = 1 + Below(uint64_t{1} << Below(7));
    Keep(Run("cache_alloc " + std::to_string(Below(kCaches)) + ' ' + std::to_string(n)), n);
  }

  void Flush() { FlushCache(Below(kCaches)); }
  void FlushCache(uint64_t id) {
    Run("flush " + std::to_string(id));
    filled_.erase(id);
  }

  void Scavenge() {
    Run("scavenge " + (Below(6) == 0 ? std::string("all") : std::to_string(Size())));
  }

  void Summary() {
    const uint64_t level = Below(kLevels);
    const uint64_t chunk = *std::next(chunks_.begin(), Below(chunks_.size()));
    Run("summary " + std::to_string(level) + ' ' +
        std::to_string(chunk >> (3 * (kLevels - 1 - level))));
  }

  Machine& machine_;
  std::mt19937_64 random_;
  const std::function<void(const std::string&)>& write_;
  std::set<uint64_t> chunks_;
  std::set<uint64_t> filled_;
  std::vector<Piece> live_;
};

}  // namespace

void WriteRandomScript(Machine& machine, uint64_t seed, uint64_t count,
                       const std::function<void(const std::string&)>& write) {
  Writer writer(machine, seed, write);
  for (uint64_t i = 0; i < count; ++i) writer.Line();
}

}  // namespace spanheap::script
