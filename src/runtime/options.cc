// SPDX-License-Identifier: MIT
#include "runtime/options.h"

#include <cstring>
#include <type_traits>

#include "base/fatal.h"
#include "base/line_writer.h"
#include "base/platform.h"
#include "os/environment.h"
#include "os/limits.h"

// Defined by the program, or null.
extern "C" __attribute__((weak)) const char* spanheap_conf;

namespace spanheap {

constinit Options options;

namespace {

// The largest text that is read from a file or the environment.
constexpr size_t kPlaceCapacity = 4096;

// A piece of a text that has no closing zero.
struct Piece {
  const char* data;
  size_t size;

  bool Is(const char* text) const { return strlen(text) == size && memcmp(text, data, size) == 0; }
};

// Values from text: false if it is not one --------------------------------------------------------

bool ReadDecimal(Piece& text, uint64_t& value) {
  const size_t size = text.size;
  for (value = 0; text.size > 0 && *text.data >= '0' && *text.data <= '9'; ++text.data) {
    const auto digit = static_cast<uint64_t>(*text.data - '0');
    if (__builtin_mul_overflow(value, uint64_t{10}, &value)) return false;
    if (__builtin_add_overflow(value, digit, &value)) return false;
    --text.size;
  }
  return text.size < size;
}

template <auto kField, uint64_t kMax>
bool ReadNumber(Options& to, Piece text) {
  uint64_t value = 0;
  if (!ReadDecimal(text, value) || text.size != 0 || value > kMax) return false;
  to.*kField = static_cast<uint32_t>(value);
  return true;
}

unsigned ShiftOf(char suffix) {
  constexpr char kSuffixes[] = "kmgt";
  const char* at = strchr(kSuffixes, suffix | 0x20);
  return at == nullptr ? 0 : 10 * (static_cast<unsigned>(at - kSuffixes) + 1);
}

// 4096, 64K, 1M, 2G, 1T.
bool ReadSize(Piece text, uint64_t& size) {
  uint64_t value = 0;
  if (!ReadDecimal(text, value) || text.size > 1) return false;
  const unsigned shift = text.size == 1 ? ShiftOf(*text.data) : 0;
  if (text.size == 1 && shift == 0) return false;
  size = value << shift;
  return size >> shift == value;
}

template <auto kField>
bool ReadBytes(Options& to, Piece text) {
  uint64_t size = 0;
  if (!ReadSize(text, size)) return false;
  to.*kField = Bytes(size);
  return true;
}

// A size, a percentage up to 100 %, or off.
template <auto kField>
bool ReadAmount(Options& to, Piece text) {
  policy::MemoryAmount amount;
  if (text.size > 0 && text.data[text.size - 1] == '%') {
    Piece digits{text.data, text.size - 1};
    uint64_t percent = 0;
    if (!ReadDecimal(digits, percent) || digits.size != 0 || percent - 1 >= 100) return false;
    amount.percent = static_cast<uint32_t>(percent);
  } else if (!text.Is("off") && !ReadSize(text, amount.bytes)) {
    return false;
  }
  to.*kField = amount;
  return true;
}

template <auto kField, auto kNames>
bool ReadChoice(Options& to, Piece text) {
  for (size_t i = 0; kNames[i] != nullptr; ++i) {
    if (!text.Is(kNames[i])) continue;
    using Choice = std::remove_reference_t<decltype(to.*kField)>;
    to.*kField = static_cast<Choice>(i);
    return true;
  }
  return false;
}

template <auto kField>
bool ReadText(Options& to, Piece text) {
  if (text.size >= Options::kTextCapacity) return false;
  memcpy(to.*kField, text.data, text.size);
  (to.*kField)[text.size] = '\0';
  return true;
}

// Text from values --------------------------------------------------------------------------------

class ValueWriter {
 public:
  ValueWriter(char* out, size_t capacity) : out_(out), capacity_(capacity) {
    if (capacity_ > 0) out_[0] = '\0';
  }
  void Text(const char* text) {
    for (; *text != '\0' && size_ + 1 < capacity_; ++text) out_[size_++] = *text;
    if (capacity_ > 0) out_[size_] = '\0';
  }
  void Number(uint64_t n) {
    char digits[21];
    char* at = digits + sizeof digits;
    *--at = '\0';
    do {
      *--at = static_cast<char>('0' + n % 10);
      n /= 10;
    } while (n != 0);
    Text(at);
  }

 private:
  char* out_;
  size_t capacity_;
  size_t size_ = 0;
};

template <auto kField>
void WriteNumber(const Options& from, ValueWriter& out) {
  out.Number(from.*kField);
}
template <auto kField>
void WriteBytes(const Options& from, ValueWriter& out) {
  out.Number((from.*kField).value);
}
template <auto kField>
void WriteAmount(const Options& from, ValueWriter& out) {
  const policy::MemoryAmount& amount = from.*kField;
  if (!amount.is_set()) return out.Text("off");
  out.Number(amount.percent != 0 ? amount.percent : amount.bytes);
  if (amount.percent != 0) out.Text("%");
}
template <auto kField, auto kNames>
void WriteChoice(const Options& from, ValueWriter& out) {
  out.Text(kNames[static_cast<size_t>(from.*kField)]);
}
template <auto kField>
void WriteText(const Options& from, ValueWriter& out) {
  out.Text(from.*kField);
}

// The table ---------------------------------------------------------------------------------------

constexpr const char* kForeignNames[] = {"abort", "ignore", nullptr};
constexpr const char* kZeroReallocNames[] = {"free", "abort", nullptr};
constexpr const char* kHugePageNames[] = {"auto", "off", "eager", nullptr};
constexpr const char* kStatsNames[] = {"never", "exit", nullptr};

bool ReadGogc(Options& to, Piece text) {
  if (!text.Is("off")) return ReadNumber<&Options::gogc, 1'000'000>(to, text);
  to.gogc = Options::kGogcOff;
  return true;
}
void WriteGogc(const Options& from, ValueWriter& out) {
  if (from.gogc == Options::kGogcOff) {
    out.Text("off");
  } else {
    out.Number(from.gogc);
  }
}

constexpr const char* kSwitchNames[] = {"off", "on", nullptr};
constexpr const char* kStickyNames[] = {"off", "on", "auto", nullptr};
constexpr const char* kReleaseNames[] = {"dontneed", "free", nullptr};

enum class When : uint8_t { kAnyTime, kAtStart };

struct Row {
  const char* name;
  const char* takes;  // for who has given something else
  When when;
  bool (*read)(Options&, Piece);
  void (*write)(const Options&, ValueWriter&);
};

template <auto kField, uint64_t kMax = UINT32_MAX>
constexpr Row Number(const char* name, const char* takes) {
  return {name, takes, When::kAnyTime, ReadNumber<kField, kMax>, WriteNumber<kField>};
}
template <auto kField>
constexpr Row Size(const char* name, When when = When::kAnyTime) {
  return {name, "a size, as 64M", when, ReadBytes<kField>, WriteBytes<kField>};
}
template <auto kField>
constexpr Row Amount(const char* name) {
  return {name, "a size, as 64M, a percentage to 100%, or off", When::kAnyTime, ReadAmount<kField>,
          WriteAmount<kField>};
}
template <auto kField, const auto& kNames>
constexpr Row Choice(const char* name, const char* takes, When when = When::kAnyTime) {
  return {name, takes, when, ReadChoice<kField, kNames>, WriteChoice<kField, kNames>};
}

constexpr Row kRows[] = {
    Number<&Options::verify, 3>("verify", "0 to 3"),
    Choice<&Options::foreign, kForeignNames>("foreign", "abort or ignore"),
    Choice<&Options::zero_realloc, kZeroReallocNames>("zero_realloc", "free or abort"),
    Size<&Options::reserve>("reserve", When::kAtStart),
    Choice<&Options::hugepages, kHugePageNames>("hugepages", "auto, off or eager"),
    Size<&Options::sample>("sample"),
    Amount<&Options::memlimit>("memlimit"),
    Amount<&Options::hardlimit>("hardlimit"),
    Size<&Options::minheap>("minheap"),
    Choice<&Options::stats, kStatsNames>("stats", "never or exit"),
    {"stats_json", "a path of at most 255 bytes", When::kAnyTime, ReadText<&Options::stats_json>,
     WriteText<&Options::stats_json>},
    Number<&Options::stats_pid>("stats_pid", "a process id, or 0"),
    {"gogc", "a number to 1000000, or off", When::kAtStart, ReadGogc, WriteGogc},
    Number<&Options::gctrace, 2>("gctrace", "0 to 2"),
    Choice<&Options::sticky, kStickyNames>("sticky", "auto, on or off", When::kAtStart),
    Choice<&Options::background, kSwitchNames>("background", "on or off"),
    Choice<&Options::release, kReleaseNames>("release", "dontneed or free", When::kAtStart),
};
static_assert(Options::kTextCapacity == 256);  // as stats_json says

const Row* FindRow(Piece name) {
  for (const Row& row : kRows) {
    if (name.Is(row.name)) return &row;
  }
  return nullptr;
}

// Reading places ----------------------------------------------------------------------------------

// `row` null: there is no such option; else that is not a value of it.
void Warn(const char* where, Piece setting, const Row* row) {
  constexpr size_t kMostShown = 160;  // so that the end of the line is there, too
  LineWriter line;
  line.Text(where).Text(": ");
  line.Text(row == nullptr ? "no such option: " : "not a value of it: ");
  for (size_t i = 0; i < setting.size && i < kMostShown; ++i) line.Char(setting.data[i]);
  if (setting.size > kMostShown) line.Text("...");
  if (row != nullptr) line.Text(" (it takes ").Text(row->takes).Char(')');
  line.Char('\0');
  WarnLine(line.data());
}

// True the first time for each name; names beyond kMostWarned count as new each time.
bool IsNewUnknown(Options& options, Piece name) {
  uint32_t hash = 2166136261U;
  for (size_t i = 0; i < name.size; ++i) {
    hash = (hash ^ static_cast<unsigned char>(name.data[i])) * 16777619U;
  }
  for (uint32_t& warned : options.warned) {
    if (warned == hash) return false;
    if (warned != 0) continue;
    warned = hash;
    return true;
  }
  return true;
}

void ApplySetting(Options& to, Piece setting, const char* where) {
  const auto* equals = static_cast<const char*>(memchr(setting.data, '=', setting.size));
  const size_t name_size =
      equals == nullptr ? setting.size : static_cast<size_t>(equals - setting.data);
  const size_t value_at = equals == nullptr ? setting.size : name_size + 1;
  const Piece name{setting.data, name_size};
  const Row* const row = FindRow(name);
  if (row != nullptr && row->read(to, {setting.data + value_at, setting.size - value_at})) return;
  if (row == nullptr && !IsNewUnknown(to, name)) return;
  Warn(where, setting, row);
}

bool Separates(char c) { return c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Of a text whose end is not there: the last setting may be cut, and is another one then.
size_t WholeSettings(const char* text, size_t size, const char* where) {
  WarnLine(where, " is too long, its end is left out");
  while (size > 0 && !Separates(text[size - 1])) --size;
  return size;
}

SPANHEAP_AT_START void LoadFile(Options& to) {
  constexpr const char* kPath = "/etc/spanheap.conf";
  char text[kPlaceCapacity];
  const long got = os::ReadSmallFile(kPath, text, sizeof text);
  if (got <= 0) return;
  auto size = static_cast<size_t>(got);
  if (size == sizeof text) size = WholeSettings(text, size, kPath);
  to.LoadText(text, size, kPath);
}

// Before the dynamic linker is done with the program, a pointer in it is still an offset: small,
// while the variable that holds it is far up.
bool IsRelocated(const char* const* variable) {
  constexpr uintptr_t kFarUp = uintptr_t{1} << 32;
  return reinterpret_cast<uintptr_t>(*variable) >= kFarUp ||
         reinterpret_cast<uintptr_t>(variable) < kFarUp;
}

void LoadSymbol(Options& to) {
  const char* const* variable = &spanheap_conf;
  if (variable == nullptr || *variable == nullptr || !IsRelocated(variable)) return;
  to.LoadText(*variable, strlen(*variable), "spanheap_conf");
}

SPANHEAP_AT_START void LoadEnvironment(Options& to) {
  if (os::IsSecureProcess()) return;
  constexpr const char* kVariable = "SPANHEAP";
  char text[kPlaceCapacity];
  const long length = os::ReadEnvironment(kVariable, text, sizeof text);
  if (length <= 0) return;
  auto size = static_cast<size_t>(length);
  if (size >= sizeof text) size = WholeSettings(text, strlen(text), kVariable);
  to.LoadText(text, size, kVariable);
}

}  // namespace

SPANHEAP_AT_START void Options::Load() {
  LoadFile(*this);
  LoadSymbol(*this);
  LoadEnvironment(*this);
}

void Options::LoadText(const char* text, size_t size, const char* where) {
  const char* const end = text + size;
  while (text < end) {
    if (*text == '#') {
      while (text < end && *text != '\n') ++text;
    } else if (Separates(*text)) {
      ++text;
    } else {
      const char* start = text;
      while (text < end && !Separates(*text)) ++text;
      ApplySetting(*this, {start, static_cast<size_t>(text - start)}, where);
    }
  }
}

OptionResult Options::Set(const char* name, const char* value) {
  const Row* row = FindRow({name, strlen(name)});
  if (row == nullptr) return OptionResult::kUnknownName;
  if (row->when == When::kAtStart) return OptionResult::kAtStartOnly;
  return row->read(*this, {value, strlen(value)}) ? OptionResult::kDone : OptionResult::kBadValue;
}

bool Options::Get(const char* name, char* value, size_t capacity) const {
  const Row* row = FindRow({name, strlen(name)});
  if (row == nullptr) return false;
  ValueWriter out(value, capacity);
  row->write(*this, out);
  return true;
}

}  // namespace spanheap
