// SPDX-License-Identifier: MIT

package main

import (
	"syscall"
	"time"
)

// The longest time between two looks at the clock, one at every 16th tick, and the longest of those
// in which the host took nothing from any processor (bench/gc/gap_watch.h).
type gaps struct {
	longestNs, longestUnstolenNs, aboveMs uint64
}

func (g *gaps) add(more gaps) {
	g.longestNs = larger(g.longestNs, more.longestNs)
	g.longestUnstolenNs = larger(g.longestUnstolenNs, more.longestUnstolenNs)
	g.aboveMs += more.aboveMs
}

func larger(a, b uint64) uint64 {
	if a > b {
		return a
	}
	return b
}

type gapWatch struct {
	ticks, stolen uint64
	last, asked   time.Duration
	seen          gaps
	line          [256]byte
}

var began = time.Now()

var procStat, _ = syscall.Open("/proc/stat", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)

func (g *gapWatch) tick() {
	g.ticks++
	if g.ticks%16 == 0 {
		g.look()
	}
}

func (g *gapWatch) look() {
	const long, askEach = 1_000_000, 10 * time.Millisecond
	now := time.Since(began)
	gap := uint64(0)
	if g.last != 0 {
		gap = uint64(now - g.last)
	}
	g.last = now
	g.seen.longestNs = larger(g.seen.longestNs, gap)
	if gap > long {
		g.seen.aboveMs++
	}
	mayBeUnstolen := gap > g.seen.longestUnstolenNs
	if mayBeUnstolen && gap > long || now-g.asked > askEach {
		stolen := g.stolenTicks()
		if mayBeUnstolen && stolen == g.stolen {
			g.seen.longestUnstolenNs = gap
		}
		g.stolen = stolen
		g.asked = now
	} else if mayBeUnstolen {
		g.seen.longestUnstolenNs = gap
	}
}

// The eighth number of the first line: "cpu user nice system idle iowait irq softirq steal".
func (g *gapWatch) stolenTicks() uint64 {
	size, err := syscall.Pread(procStat, g.line[:], 0)
	if err != nil || size <= 0 {
		return 0
	}
	number, fields, inNumber := uint64(0), 0, false
	for _, c := range g.line[3:size] {
		if c >= '0' && c <= '9' {
			if !inNumber {
				number, inNumber = 0, true
				fields++
			}
			number = number*10 + uint64(c-'0')
		} else if inNumber {
			inNumber = false
			if fields == 8 {
				return number
			}
		}
	}
	return 0
}

func (g *gapWatch) addTo(to *outcome) { to.gaps.add(g.seen) }
