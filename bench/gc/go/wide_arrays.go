// SPDX-License-Identifier: MIT

package main

const wideStep = 8

type cell struct{ value, rest uint64 }

func makeWide(width, number uint64, gaps *gapWatch) []*cell {
	array := make([]*cell, width)
	for i := uint64(0); i < width; i += wideStep {
		gaps.tick()
		array[i] = &cell{number + i, i}
	}
	return array
}

func finishWide(array []*cell) (sum uint64) {
	for i := 0; i < len(array); i += wideStep {
		sum += array[i].value
	}
	return sum
}

func wideArrays(width, arrays uint64) outcome {
	var gaps gapWatch
	var done outcome
	var lasting [16][]*cell
	for i := uint64(0); i < arrays; i++ {
		place := &lasting[i%16]
		done.checksum += finishWide(*place)
		*place = makeWide(width, i, &gaps)
	}
	for _, array := range lasting {
		done.checksum += finishWide(array)
	}
	done.items = arrays * (width/wideStep + 1)
	gaps.addTo(&done)
	return done
}
