// SPDX-License-Identifier: MIT

package main

import "sync/atomic"

func keepReading(table []uint64, isOver *atomic.Bool, sum chan<- uint64) {
	random := newRandom(2)
	mask := uint64(len(table) - 1)
	var seen uint64
	for !isOver.Load() {
		seen += table[random.next()&mask]
	}
	sum <- seen
}

func noHeap(size, steps uint64) outcome {
	table := make([]uint64, size)
	for i := range table {
		table[i] = uint64(i)
	}
	var isOver atomic.Bool
	other := make(chan uint64)
	go keepReading(table, &isOver, other)
	var gaps gapWatch
	var done outcome
	random := newRandom(1)
	for i := uint64(0); i < steps; i++ {
		gaps.tick()
		done.checksum += table[random.next()&(size-1)]
	}
	isOver.Store(true)
	<-other
	done.items = steps
	gaps.addTo(&done)
	return done
}
