// SPDX-License-Identifier: MIT

package main

// What is stored here is not on the stack.
var keptBytes []byte
var keptSlots []*byte

func repeat(objects uint64, one func(bytes, i uint64) uint64) outcome {
	var gaps gapWatch
	var done outcome
	r := newRandom(1)
	for i := uint64(0); i < objects; i++ {
		gaps.tick()
		done.checksum += one(r.between(16, 512), i)
	}
	done.items = objects
	gaps.addTo(&done)
	return done
}

func allocateBytes(objects, _ uint64) outcome {
	return repeat(objects, func(bytes, i uint64) uint64 {
		object := make([]byte, bytes)
		keptBytes = object
		object[0] = byte(i)
		object[bytes-1] = byte(bytes)
		return uint64(object[0]) + bytes
	})
}

func allocateScanned(objects, _ uint64) outcome {
	return repeat(objects, func(bytes, _ uint64) uint64 {
		slots := bytes / 8
		object := make([]*byte, slots)
		keptSlots = object
		seen := slots
		if object[0] == nil {
			seen++
		}
		if object[slots-1] == nil {
			seen++
		}
		return seen
	})
}
