/* SPDX-License-Identifier: MIT
 *
 * root_record.h: where a running heap's structures are and how they are laid out, for tools that
 * look at a process or a core file from outside. Shared by the library and the tools; programs have
 * no use for it.
 *
 * Idea.    The library carries one constant record: a list of named entries. An entry is the
 *          address of a variable, the offset of a field within a kind of record, or a plain number.
 *          A reader asks by name and needs neither debug information nor the same version of the
 *          library: new structures are new names; a name whose meaning changes becomes another
 *          name; a reader that misses one it needs says "other version".
 * Finding. An ELF note (owner "spanheap", type SH_ROOT_NOTE) in the library or the program it is
 *          linked into: 8 bytes, the distance from themselves to the record. Notes are near the
 *          start of the file, which a core file holds even when it leaves the rest of the code out.
 * Layout.  The two structures below never change; `format` would.
 */
#ifndef SPANHEAP_DETAIL_ROOT_RECORD_H
#define SPANHEAP_DETAIL_ROOT_RECORD_H

#include <stdint.h>

#define SH_ROOT_NOTE 1
#define SH_ROOT_FORMAT 1
#define SH_ROOT_MAGIC "spanheap root 1"

enum sh_root_kind {
  SH_ROOT_ADDRESS = 1, /* a variable of the library: `where.address` */
  SH_ROOT_FIELD = 2,   /* a field of a record: its offset is `where.number` */
  SH_ROOT_NUMBER = 3   /* `where.number` itself */
};

struct sh_root_entry {
  char name[24]; /* closing zero included */
  union {
    const volatile void* address;
    uint64_t number;
  } where;
  uint32_t size;  /* bytes of the variable, or of one element of an array; 0 for numbers */
  uint16_t count; /* elements, 1 unless an array; 0 for numbers */
  uint16_t kind;  /* enum sh_root_kind */
};

struct sh_root_record {
  char magic[16];
  uint32_t format;
  uint32_t entry_size; /* sizeof(struct sh_root_entry) */
  uint32_t entry_count;
  uint32_t reserved;
  const struct sh_root_entry* entries;
  char library[16]; /* "major.minor.patch" */
};

#endif
