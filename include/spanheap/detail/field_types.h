// SPDX-License-Identifier: MIT
//
// field_types.h: the two questions about a struct that the language answers for a written-out
// number of fields only: does it accept n initialisers `{}`, and what are the types of its n
// fields. fields.h asks them. All lines are alike; none has a condition of its own.
#ifndef SPANHEAP_DETAIL_FIELD_TYPES_H
#define SPANHEAP_DETAIL_FIELD_TYPES_H

#include <cstddef>

namespace spanheap::detail {

inline constexpr std::size_t kMaxFields = 24;

template <std::size_t kCount>
struct FieldCount {};

template <class... Types>
struct TypeList {};

template <class T>
concept AcceptsEmpty1 = requires { T{{}}; };
template <class T>
concept AcceptsEmpty2 = requires { T{{}, {}}; };
template <class T>
concept AcceptsEmpty3 = requires { T{{}, {}, {}}; };
template <class T>
concept AcceptsEmpty4 = requires { T{{}, {}, {}, {}}; };
template <class T>
concept AcceptsEmpty5 = requires { T{{}, {}, {}, {}, {}}; };
template <class T>
concept AcceptsEmpty6 = requires { T{{}, {}, {}, {}, {}, {}}; };
template <class T>
concept AcceptsEmpty7 = requires { T{{}, {}, {}, {}, {}, {}, {}}; };
template <class T>
concept AcceptsEmpty8 = requires { T{{}, {}, {}, {}, {}, {}, {}, {}}; };
template <class T>
concept AcceptsEmpty9 = requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}}; };
template <class T>
concept AcceptsEmpty10 = requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}}; };
template <class T>
concept AcceptsEmpty11 = requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}}; };
template <class T>
concept AcceptsEmpty12 = requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}}; };
template <class T>
concept AcceptsEmpty13 = requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}}; };
template <class T>
concept AcceptsEmpty14 = requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}}; };
template <class T>
concept AcceptsEmpty15 =
    requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}}; };
template <class T>
concept AcceptsEmpty16 =
    requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}}; };
template <class T>
concept AcceptsEmpty17 =
    requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}}; };
template <class T>
concept AcceptsEmpty18 =
    requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}}; };
template <class T>
concept AcceptsEmpty19 =
    requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}}; };
template <class T>
concept AcceptsEmpty20 =
    requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}}; };
template <class T>
concept AcceptsEmpty21 = requires {
  T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}};
};
template <class T>
concept AcceptsEmpty22 = requires {
  T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}};
};
template <class T>
concept AcceptsEmpty23 = requires {
  T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}};
};
template <class T>
concept AcceptsEmpty24 = requires {
  T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}};
};
// Too many.
template <class T>
concept AcceptsEmpty25 = requires {
  T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
    {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}};
};

// The types of all fields; `kHaveAddresses`: none is a bit-field.
template <bool kHaveAddresses, class... Types>
struct BoundFields {};
template <class... Types>
void AddressesOf(Types*... fields);  // declared only

// Called in unevaluated contexts only.
template <class T>
auto BindFields(T& object, FieldCount<1>) {
  [[maybe_unused]] auto& [a] = object;
  return BoundFields<requires { AddressesOf(&a); }, decltype(a)>();
}
template <class T>
auto BindFields(T& object, FieldCount<2>) {
  [[maybe_unused]] auto& [a, b] = object;
  return BoundFields<requires { AddressesOf(&a, &b); }, decltype(a), decltype(b)>();
}
template <class T>
auto BindFields(T& object, FieldCount<3>) {
  [[maybe_unused]] auto& [a, b, c] = object;
  return BoundFields<requires { AddressesOf(&a, &b, &c); }, decltype(a), decltype(b),
                     decltype(c)>();
}
template <class T>
auto BindFields(T& object, FieldCount<4>) {
  [[maybe_unused]] auto& [a, b, c, d] = object;
  return BoundFields<requires { AddressesOf(&a, &b, &c, &d); }, decltype(a), decltype(b),
                     decltype(c), decltype(d)>();
}
template <class T>
auto BindFields(T& object, FieldCount<5>) {
  [[maybe_unused]] auto& [a, b, c, d, e] = object;
  return BoundFields<requires { AddressesOf(&a, &b, &c, &d, &e); }, decltype(a), decltype(b),
                     decltype(c), decltype(d), decltype(e)>();
}
template <class T>
auto BindFields(T& object, FieldCount<6>) {
  [[maybe_unused]] auto& [a, b, c, d, e, f] = object;
  return BoundFields<requires { AddressesOf(&a, &b, &c, &d, &e, &f); }, decltype(a), decltype(b),
                     decltype(c), decltype(d), decltype(e), decltype(f)>();
}
template <class T>
auto BindFields(T& object, FieldCount<7>) {
  [[maybe_unused]] auto& [a, b, c, d, e, f, g] = object;
  return BoundFields<requires {
    AddressesOf(&a, &b, &c, &d, &e, &f, &g);
  }, decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f), decltype(g)>();
}
template <class T>
auto BindFields(T& object, FieldCount<8>) {
  [[maybe_unused]] auto& [a, b, c, d, e, f, g, h] = object;
  return BoundFields<requires { AddressesOf(&a, &b, &c, &d, &e, &f, &g, &h); }, decltype(a),
                     decltype(b), decltype(c), decltype(d), decltype(e), decltype(f), decltype(g),
                     decltype(h)>();
}
template <class T>
auto BindFields(T& object, FieldCount<9>) {
  [[maybe_unused]] auto& [a, b, c, d, e, f, g, h, i] = object;
  return BoundFields<requires { AddressesOf(&a, &b, &c, &d, &e, &f, &g, &h, &i); }, decltype(a),
                     decltype(b), decltype(c), decltype(d), decltype(e), decltype(f), decltype(g),
                     decltype(h), decltype(i)>();
}
template <class T>
auto BindFields(T& object, FieldCount<10>) {
  [[maybe_unused]] auto& [a, b, c, d, e, f, g, h, i, j] = object;
  return BoundFields<requires { AddressesOf(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j); }, decltype(a),
                     decltype(b), decltype(c), decltype(d), decltype(e), decltype(f), decltype(g),
                     decltype(h), decltype(i), decltype(j)>();
}
template <class T>
auto BindFields(T& object, FieldCount<11>) {
  [[maybe_unused]] auto& [a, b, c, d, e, f, g, h, i, j, k] = object;
  return BoundFields<requires { AddressesOf(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k); },
                     decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f),
                     decltype(g), decltype(h), decltype(i), decltype(j), decltype(k)>();
}
template <class T>
auto BindFields(T& object, FieldCount<12>) {
  [[maybe_unused]] auto& [a, b, c, d, e, f, g, h, i, j, k, l] = object;
  return BoundFields<requires {
    AddressesOf(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l);
  }, decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f), decltype(g),
                     decltype(h), decltype(i), decltype(j), decltype(k), decltype(l)>();
}
template <class T>
auto BindFields(T& object, FieldCount<13>) {
  [[maybe_unused]] auto& [a, b, c, d, e, f, g, h, i, j, k, l, m] = object;
  return BoundFields<requires { AddressesOf(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m); },
                     decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f),
                     decltype(g), decltype(h), decltype(i), decltype(j), decltype(k), decltype(l),
                     decltype(m)>();
}
template <class T>
auto BindFields(T& object, FieldCount<14>) {
  [[maybe_unused]] auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n] = object;
  return BoundFields<requires {
    AddressesOf(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n);
  }, decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f), decltype(g),
                     decltype(h), decltype(i), decltype(j), decltype(k), decltype(l), decltype(m),
                     decltype(n)>();
}
template <class T>
auto BindFields(T& object, FieldCount<15>) {
  [[maybe_unused]] auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o] = object;
  return BoundFields<requires {
    AddressesOf(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o);
  }, decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f), decltype(g),
                     decltype(h), decltype(i), decltype(j), decltype(k), decltype(l), decltype(m),
                     decltype(n), decltype(o)>();
}
template <class T>
auto BindFields(T& object, FieldCount<16>) {
  [[maybe_unused]] auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = object;
  return BoundFields<requires {
    AddressesOf(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p);
  }, decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f), decltype(g),
                     decltype(h), decltype(i), decltype(j), decltype(k), decltype(l), decltype(m),
                     decltype(n), decltype(o), decltype(p)>();
}
template <class T>
auto BindFields(T& object, FieldCount<17>) {
  [[maybe_unused]] auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q] = object;
  return BoundFields<requires {
    AddressesOf(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p, &q);
  }, decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f), decltype(g),
                     decltype(h), decltype(i), decltype(j), decltype(k), decltype(l), decltype(m),
                     decltype(n), decltype(o), decltype(p), decltype(q)>();
}
template <class T>
auto BindFields(T& object, FieldCount<18>) {
  [[maybe_unused]] auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r] = object;
  return BoundFields<requires {
    AddressesOf(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p, &q, &r);
  }, decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f), decltype(g),
                     decltype(h), decltype(i), decltype(j), decltype(k), decltype(l), decltype(m),
                     decltype(n), decltype(o), decltype(p), decltype(q), decltype(r)>();
}
template <class T>
auto BindFields(T& object, FieldCount<19>) {
  [[maybe_unused]] auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s] = object;
  return BoundFields<requires {
    AddressesOf(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p, &q, &r, &s);
  }, decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f), decltype(g),
                     decltype(h), decltype(i), decltype(j), decltype(k), decltype(l), decltype(m),
                     decltype(n), decltype(o), decltype(p), decltype(q), decltype(r),
                     decltype(s)>();
}
template <class T>
auto BindFields(T& object, FieldCount<20>) {
  [[maybe_unused]] auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t] = object;
  return BoundFields<requires {
    AddressesOf(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p, &q, &r, &s, &t);
  }, decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f), decltype(g),
                     decltype(h), decltype(i), decltype(j), decltype(k), decltype(l), decltype(m),
                     decltype(n), decltype(o), decltype(p), decltype(q), decltype(r), decltype(s),
                     decltype(t)>();
}
template <class T>
auto BindFields(T& object, FieldCount<21>) {
  [[maybe_unused]] auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u] = object;
  return BoundFields<requires {
    AddressesOf(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p, &q, &r, &s, &t, &u);
  }, decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f), decltype(g),
                     decltype(h), decltype(i), decltype(j), decltype(k), decltype(l), decltype(m),
                     decltype(n), decltype(o), decltype(p), decltype(q), decltype(r), decltype(s),
                     decltype(t), decltype(u)>();
}
template <class T>
auto BindFields(T& object, FieldCount<22>) {
  [[maybe_unused]] auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v] =
      object;
  return BoundFields<requires {
    AddressesOf(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p, &q, &r, &s, &t, &u,
                &v);
  }, decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f), decltype(g),
                     decltype(h), decltype(i), decltype(j), decltype(k), decltype(l), decltype(m),
                     decltype(n), decltype(o), decltype(p), decltype(q), decltype(r), decltype(s),
                     decltype(t), decltype(u), decltype(v)>();
}
template <class T>
auto BindFields(T& object, FieldCount<23>) {
  [[maybe_unused]] auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w] =
      object;
  return BoundFields<requires {
    AddressesOf(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p, &q, &r, &s, &t, &u,
                &v, &w);
  }, decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f), decltype(g),
                     decltype(h), decltype(i), decltype(j), decltype(k), decltype(l), decltype(m),
                     decltype(n), decltype(o), decltype(p), decltype(q), decltype(r), decltype(s),
                     decltype(t), decltype(u), decltype(v), decltype(w)>();
}
template <class T>
auto BindFields(T& object, FieldCount<24>) {
  [[maybe_unused]] auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x] =
      object;
  return BoundFields<requires {
    AddressesOf(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p, &q, &r, &s, &t, &u,
                &v, &w, &x);
  }, decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f), decltype(g),
                     decltype(h), decltype(i), decltype(j), decltype(k), decltype(l), decltype(m),
                     decltype(n), decltype(o), decltype(p), decltype(q), decltype(r), decltype(s),
                     decltype(t), decltype(u), decltype(v), decltype(w), decltype(x)>();
}

}  // namespace spanheap::detail

#endif
