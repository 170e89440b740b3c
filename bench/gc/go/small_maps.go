// SPDX-License-Identifier: MIT

package main

const mapKeys = 16

func makeMap(number uint64, gaps *gapWatch) map[uint64]uint64 {
	made := make(map[uint64]uint64)
	for i := uint64(0); i < mapKeys; i++ {
		gaps.tick()
		made[number+i*i] = i
	}
	return made
}

func finishMap(from map[uint64]uint64, number uint64) (sum uint64) {
	for i := uint64(0); i < mapKeys; i++ {
		sum += from[number+i*i]
	}
	return sum
}

func smallMaps(live, maps uint64) outcome {
	var gaps gapWatch
	var done outcome
	places := make([]map[uint64]uint64, live)
	for i := uint64(0); i < live+maps; i++ {
		place := &places[i%live]
		if i >= live {
			done.checksum += finishMap(*place, i-live)
		}
		*place = makeMap(i, &gaps)
	}
	for i := maps; i < live+maps; i++ {
		done.checksum += finishMap(places[i%live], i)
	}
	done.items = (live + maps) * (mapKeys + 1)
	gaps.addTo(&done)
	return done
}
