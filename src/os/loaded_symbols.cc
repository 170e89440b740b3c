// SPDX-License-Identifier: MIT
#include "os/loaded_symbols.h"

#include <elf.h>
#include <link.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace spanheap::os {
namespace {

struct Query {
  const char* name;
  uint32_t hash;
  LoadedKind kind;
  bool (*see)(void* address, void* context);
  void* context;
};

uint32_t GnuHash(const char* name) {
  uint32_t hash = 5381;
  for (; *name != '\0'; ++name) hash = hash * 33 + static_cast<unsigned char>(*name);
  return hash;
}

// The parts of one object's dynamic section that a look-up needs.
struct SymbolTables {
  const ElfW(Sym) * symbols = nullptr;
  const char* strings = nullptr;
  const uint32_t* gnu_hash = nullptr;
};

template <class T>
const T* TableAt(const dl_phdr_info& object, ElfW(Addr) address) {
  // glibc relocates these entries in place; what it leaves alone (the vdso) is an offset.
  if (address < object.dlpi_addr) address += object.dlpi_addr;
  return reinterpret_cast<const T*>(address);
}

const ElfW(Dyn) * DynamicSection(const dl_phdr_info& object) {
  for (unsigned i = 0; i < object.dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = object.dlpi_phdr[i];
    if (header.p_type == PT_DYNAMIC) {
      return reinterpret_cast<const ElfW(Dyn)*>(object.dlpi_addr + header.p_vaddr);
    }
  }
  return nullptr;
}

SymbolTables ReadTables(const dl_phdr_info& object) {
  SymbolTables tables;
  const ElfW(Dyn)* entry = DynamicSection(object);
  if (entry == nullptr) return tables;
  for (; entry->d_tag != DT_NULL; ++entry) {
    const ElfW(Addr) address = entry->d_un.d_ptr;
    if (entry->d_tag == DT_SYMTAB) tables.symbols = TableAt<ElfW(Sym)>(object, address);
    if (entry->d_tag == DT_STRTAB) tables.strings = TableAt<char>(object, address);
    if (entry->d_tag == DT_GNU_HASH) tables.gnu_hash = TableAt<uint32_t>(object, address);
  }
  return tables;
}

bool Defines(const ElfW(Sym) & symbol, LoadedKind kind) {
  const int type = kind == LoadedKind::kFunction ? STT_FUNC : STT_OBJECT;
  return symbol.st_shndx != SHN_UNDEF && (symbol.st_info & 0xf) == type;
}

// The GNU hash section: four header words, a Bloom filter, one chain start per bucket, the chains
// (each entry a hash whose lowest bit marks the chain's end).
const ElfW(Sym) * Find(const SymbolTables& tables, const Query& query) {
  const uint32_t* header = tables.gnu_hash;
  const uint32_t bucket_count = header[0];
  const uint32_t first_symbol = header[1];
  if (bucket_count == 0) return nullptr;
  const uint32_t* buckets = header + 4 + header[2] * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
  const uint32_t* chains = buckets + bucket_count;
  uint32_t index = buckets[query.hash % bucket_count];
  if (index < first_symbol) return nullptr;
  for (;; ++index) {
    const uint32_t hash = chains[index - first_symbol];
    const ElfW(Sym)& symbol = tables.symbols[index];
    if ((hash | 1) == (query.hash | 1) && Defines(symbol, query.kind) &&
        strcmp(tables.strings + symbol.st_name, query.name) == 0) {
      return &symbol;
    }
    if ((hash & 1) != 0) return nullptr;
  }
}

int LookInto(dl_phdr_info* object, size_t, void* data) {
  const Query& query = *static_cast<const Query*>(data);
  const SymbolTables tables = ReadTables(*object);
  if (tables.symbols == nullptr || tables.strings == nullptr || tables.gnu_hash == nullptr) {
    return 0;
  }
  const ElfW(Sym)* symbol = Find(tables, query);
  if (symbol == nullptr) return 0;
  void* const address = reinterpret_cast<void*>(object->dlpi_addr + symbol->st_value);
  return query.see(address, query.context) ? 0 : 1;
}

struct Work {
  void (*call)(void*);
  void* context;
};

bool TakeFirst(void* address, void* found) {
  *static_cast<void**>(found) = address;
  return false;
}

}  // namespace

void ForEachLoaded(const char* name, LoadedKind kind, bool (*see)(void* address, void* context),
                   void* context) {
  Query query{name, GnuHash(name), kind, see, context};
  dl_iterate_phdr(LookInto, &query);
}

void* FindLoaded(const char* name) {
  void* found = nullptr;
  ForEachLoaded(name, LoadedKind::kFunction, TakeFirst, &found);
  return found;
}

void WhileNothingIsLoaded(void (*call)(void*), void* context) {
  Work work{call, context};
  dl_iterate_phdr(
      [](dl_phdr_info*, size_t, void* data) {
        const Work& todo = *static_cast<Work*>(data);
        todo.call(todo.context);
        return 1;
      },
      &work);
}

}  // namespace spanheap::os
