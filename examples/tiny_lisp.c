/* SPDX-License-Identifier: MIT
 *
 * A tiny Lisp on the C interface: cons cells are collected, symbols and numbers as well. Values in
 * C variables are found on the stack; the global environment is a root. Evaluates (fib 16) with
 * lists for everything, and leaves its garbage to the collector. */
#include <ctype.h>
#include <spanheap/gc_c.h>
#include <stdio.h>
#include <string.h>

typedef struct Cell Cell;
struct Cell {
  Cell* first; /* of a pair */
  Cell* rest;
  const char* name; /* of a symbol: static text */
  long number;
};

static const uint64_t pair_bits[] = {3}; /* first and rest are pointers */
static sh_layout cell_layout = {sizeof(Cell), SH_SCAN_PRECISE, 0, pair_bits, 0, 0, "Cell", 0, 0};
static sh_gc_root* globals;

static Cell* Make(Cell* first, Cell* rest, const char* name, long number) {
  Cell* cell = sh_gc_new(&cell_layout, 1);
  sh_gc_store((void**)&cell->first, first);
  sh_gc_store((void**)&cell->rest, rest);
  cell->name = name;
  cell->number = number;
  return cell;
}
static Cell* Cons(Cell* first, Cell* rest) { return Make(first, rest, 0, 0); }
static Cell* Number(long number) { return Make(0, 0, "#", number); }

static Cell* Read(const char** text) {
  while (**text == ' ') ++*text;
  if (**text == '(') {
    Cell *list = 0, *last = 0;
    for (++*text; **text != ')';) {
      Cell* pair = Cons(Read(text), 0);
      if (last)
        sh_gc_store((void**)&last->rest, pair);
      else
        list = pair;
      last = pair;
      while (**text == ' ') ++*text;
    }
    ++*text;
    return list;
  }
  static char names[1024], *end = names;
  char* name = end;
  while (**text && !strchr(" ()", **text)) *end++ = *(*text)++;
  *end++ = 0;
  if (!isdigit((unsigned char)*name)) return Make(0, 0, name, 0);
  long number = 0;
  for (; *name; ++name) number = number * 10 + (*name - '0');
  return Number(number);
}

static Cell* Lookup(const char* name, Cell* environment) {
  for (; environment; environment = environment->rest) {
    if (!strcmp(environment->first->first->name, name)) return environment->first->rest;
  }
  return 0;
}

static Cell* Eval(Cell* form, Cell* environment) {
  if (form->name) return *form->name == '#' ? form : Lookup(form->name, environment);
  const char* op = form->first->name;
  Cell* a = form->rest;
  if (!strcmp(op, "if")) {
    return Eval(Eval(a->first, environment)->number ? a->rest->first : a->rest->rest->first,
                environment);
  }
  long x = Eval(a->first, environment)->number;
  if (a->rest) {
    long y = Eval(a->rest->first, environment)->number;
    return Number(*op == '+' ? x + y : *op == '-' ? x - y : x < y);
  }
  Cell* function = Lookup(op, globals->value); /* ((parameter) body) */
  Cell* bound = Cons(Cons(function->first->first, Number(x)), globals->value);
  return Eval(function->rest->first, bound);
}

int main(void) {
  const char* text = "((n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))";
  Cell* fib = Cons(Make(0, 0, "fib", 0), Read(&text));
  globals = sh_gc_root_new(Cons(fib, 0));
  const char* call = "(fib 16)";
  Cell* form = Read(&call);
  long result = 0;
  for (int i = 0; i < 20; ++i) result = Eval(form, globals->value)->number;
  printf("(fib 16) = %ld\n", result);
  return result == 987 ? 0 : 1;
}
