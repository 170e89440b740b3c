// SPDX-License-Identifier: MIT

package main

type link struct {
	next  *link
	value uint64
}

func makeList(length uint64, gaps *gapWatch) *link {
	var first *link
	for i := uint64(0); i < length; i++ {
		gaps.tick()
		first = &link{first, i}
	}
	return first
}

func (l *link) finish() (sum uint64) {
	for ; l != nil; l = l.next {
		sum += l.value
	}
	return sum
}

func listStorm(nodes, lists uint64) outcome {
	const short = 1000
	var gaps gapWatch
	var done outcome
	lasting := makeList(nodes, &gaps)
	for i := uint64(0); i < lists; i++ {
		done.checksum += makeList(short, &gaps).finish()
	}
	done.checksum += lasting.finish()
	done.items = nodes + lists*short
	gaps.addTo(&done)
	return done
}
