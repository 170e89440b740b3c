// SPDX-License-Identifier: MIT

package main

// The generator of bench/harness/random.h: the same numbers for the same seed.
type random struct{ state uint64 }

func newRandom(seed uint64) random { return random{seed*0x9e3779b97f4a7c15 + 1} }

func (r *random) next() uint64 {
	r.state += 0x9e3779b97f4a7c15
	z := r.state
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}

func (r *random) below(bound uint64) uint64 { return ((r.next() >> 32) * bound) >> 32 }

func (r *random) between(low, high uint64) uint64 { return low + r.below(high-low+1) }
