// SPDX-License-Identifier: MIT
#include "collect/scan_kernel.h"

#include <cpuid.h>
#include <immintrin.h>

#include <bit>

#include "base/platform.h"
#include "collect/pointer_bits.h"

namespace spanheap::collected {
namespace {

constexpr unsigned kMaskWords = kMaxWords / 64;  // of a quarter

uint64_t LowOnes(unsigned count) { return count >= 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1; }

// 64 bits from bit `at` on; the word behind them is read in any case.
SPANHEAP_ALWAYS_INLINE uint64_t BitsFrom(const uint64_t* bits, unsigned at) {
  const unsigned shift = at % 64;
  return bits[at / 64] >> shift | bits[at / 64 + 1] << 1 << (63 - shift);
}

// Widens the objects' bits, 64 words of the page at a time.
class Expander {
 public:
  explicit Expander(const PageToScan& page)
      : page_(page),
        starts_(detail::kMultiples[page.block_words]),
        block_(LowOnes(page.block_words)) {}

  // The words of mask word `index` that belong to objects to be scanned and are pointers.
  __attribute__((target("bmi2"))) SPANHEAP_ALWAYS_INLINE uint64_t Select(unsigned index) const {
    const unsigned first_word = index * 64;
    const unsigned first = (first_word + page_.block_words - 1) / page_.block_words;
    const unsigned offset = first * page_.block_words - first_word;
    uint64_t selected = 0;
    if (offset < 64) {
      selected = _pdep_u64(BitsFrom(page_.objects, first), starts_ << offset) * block_;
    }
    // The object that began before this word.
    if (offset != 0 && (page_.objects[(first - 1) / 64] >> ((first - 1) % 64) & 1) != 0) {
      selected |= LowOnes(offset);
    }
    return selected & page_.pointers[index];
  }

 private:
  const PageToScan& page_;
  uint64_t starts_;
  uint64_t block_;
};

bool SystemSaves(uint32_t wanted) {
  uint32_t low = 0, high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (low & wanted) == wanted;
}

}  // namespace

SPANHEAP_NO_SANITIZE unsigned ScanPlain(const PageToScan& page, unsigned quarter, uintptr_t* out) {
  unsigned count = 0;
  for (unsigned word = quarter * kMaxWords; word < (quarter + 1) * kMaxWords; ++word) {
    const unsigned slot = word / page.block_words;
    if ((page.objects[slot / 64] >> (slot % 64) & 1) == 0) continue;
    if ((page.pointers[word / 64] >> (word % 64) & 1) == 0) continue;
    const uintptr_t value = __atomic_load_n(page.words + word, __ATOMIC_RELAXED);
    if (value != 0) out[count++] = value;
  }
  return count;
}

__attribute__((target("bmi2"))) SPANHEAP_NO_SANITIZE unsigned ScanBmi2(const PageToScan& page,
                                                                       unsigned quarter,
                                                                       uintptr_t* out) {
  const Expander expander(page);
  unsigned count = 0;
  for (unsigned index = quarter * kMaskWords; index < (quarter + 1) * kMaskWords; ++index) {
    for (uint64_t todo = expander.Select(index); todo != 0; todo &= todo - 1) {
      const unsigned word = index * 64 + static_cast<unsigned>(std::countr_zero(todo));
      const uintptr_t value = __atomic_load_n(page.words + word, __ATOMIC_RELAXED);
      out[count] = value;
      count += value != 0 ? 1 : 0;
    }
  }
  return count;
}

// Packed in a register and then stored whole: packing stores are slow on some processors.
__attribute__((target("avx512f,avx512vl,bmi2,popcnt"))) SPANHEAP_NO_SANITIZE unsigned ScanAvx512(
    const PageToScan& page, unsigned quarter, uintptr_t* out) {
  const Expander expander(page);
  unsigned count = 0;
  for (unsigned index = quarter * kMaskWords; index < (quarter + 1) * kMaskWords; ++index) {
    uint64_t todo = expander.Select(index);
    for (unsigned at = index * 64; todo != 0; todo >>= 8, at += 8) {
      const auto wanted = static_cast<__mmask8>(todo);
      if (wanted == 0) continue;
      const __m512i words = _mm512_loadu_si512(page.words + at);
      const __mmask8 taken = _mm512_mask_test_epi64_mask(wanted, words, words);
      _mm512_storeu_si512(out + count, _mm512_maskz_compress_epi64(taken, words));
      count += static_cast<unsigned>(__builtin_popcount(taken));
    }
  }
  return count;
}

__attribute__((target("avx512f,avx512vl,bmi2,popcnt"))) SPANHEAP_NO_SANITIZE unsigned
ScanEachAvx512(const PageToScan& page, unsigned quarter, uintptr_t* out) {
  const unsigned block = page.block_words;
  const unsigned first = (quarter * kMaxWords + block - 1) / block;
  const unsigned end = ((quarter + 1) * kMaxWords + block - 1) / block;
  const uint64_t all_words = LowOnes(block);
  unsigned count = 0;
  uint64_t todo = BitsFrom(page.objects, first) & LowOnes(end - first);
  for (; todo != 0; todo &= todo - 1) {
    unsigned at = (first + static_cast<unsigned>(std::countr_zero(todo))) * block;
    uint64_t bits = BitsFrom(page.pointers, at) & all_words;
    for (; bits != 0; bits >>= 8, at += 8) {
      // What is not wanted is not read: the page may end before it.
      const __m512i words = _mm512_maskz_loadu_epi64(static_cast<__mmask8>(bits), page.words + at);
      const __mmask8 taken = _mm512_test_epi64_mask(words, words);
      _mm512_storeu_si512(out + count, _mm512_maskz_compress_epi64(taken, words));
      count += static_cast<unsigned>(__builtin_popcount(taken));
    }
  }
  return count;
}

ProcessorHas AskProcessor() {
  constexpr uint32_t kOsSaves = 1u << 27;            // leaf 1, c
  constexpr uint32_t kBmi2 = 1u << 8;                // leaf 7, b
  constexpr uint32_t kAvx512 = 1u << 16 | 1u << 31;  // F, VL
  constexpr uint32_t kVectorState = 0xe6;            // SSE, AVX, all of AVX-512
  constexpr uint32_t kAmd = 0x68747541;              // "Auth", leaf 0, b
  constexpr unsigned kZen3 = 0x19;                   // before it deposits are microcode
  ProcessorHas has;
  uint32_t a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(0, &a, &b, &c, &d) == 0 || a < 7) return has;
  const bool amd = b == kAmd;
  __get_cpuid(1, &a, &b, &c, &d);
  const unsigned family = (a >> 8 & 15) + (a >> 20 & 255);
  const bool os_saves = (c & kOsSaves) != 0;
  __get_cpuid_count(7, 0, &a, &b, &c, &d);
  has.bmi2 = (b & kBmi2) != 0 && (!amd || family >= kZen3);
  has.avx512 = has.bmi2 && (b & kAvx512) == kAvx512 && os_saves && SystemSaves(kVectorState);
  return has;
}

ScanKernel KernelFor(ProcessorHas has, unsigned count, unsigned slots, unsigned block_words) {
  constexpr unsigned kVectorWords = 8;
  constexpr unsigned kFewest = 3;  // a call and the page's bits for two objects are not worth it
  // Densities from which a whole page is cheaper than its objects one by one.
  constexpr unsigned kSparsest = 8;
  constexpr unsigned kDense = 4;
  const bool wastes_no_loads = block_words % kVectorWords == 0 || count * 2 < slots;
  if (has.avx512 && block_words >= kVectorWords && wastes_no_loads) {
    return count >= kFewest ? ScanEachAvx512 : nullptr;
  }
  if (count * kSparsest < slots || !has.bmi2) return nullptr;
  return has.avx512 && count * kDense >= slots ? ScanAvx512 : ScanBmi2;
}

}  // namespace spanheap::collected
