// SPDX-License-Identifier: MIT

package main

import "time"

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

// The longest time between two looks at the clock, one at every 16th tick (bench/gc/program.h).
type gapWatch struct {
	ticks, longestNs, long uint64
	last                   time.Duration
}

var began = time.Now()

func (g *gapWatch) tick() {
	g.ticks++
	if g.ticks%16 == 0 {
		g.look()
	}
}

func (g *gapWatch) look() {
	now := time.Since(began)
	if g.last != 0 {
		gap := uint64(now - g.last)
		if gap > g.longestNs {
			g.longestNs = gap
		}
		if gap > 1_000_000 {
			g.long++
		}
	}
	g.last = now
}

func (g *gapWatch) addTo(to *outcome) {
	if g.longestNs > to.gapNs {
		to.gapNs = g.longestNs
	}
	to.longGaps += g.long
}
