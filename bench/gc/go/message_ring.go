// SPDX-License-Identifier: MIT

package main

func messageRing(slots, pushes uint64) outcome {
	const bytes = 1024
	var gaps gapWatch
	var done outcome
	ring := make([][]byte, slots)
	for i := uint64(0); i < slots+pushes; i++ {
		gaps.look()
		message := make([]byte, bytes)
		for at := range message {
			message[at] = byte(i & 0x7f)
		}
		if oldest := ring[i%slots]; oldest != nil {
			done.checksum += uint64(oldest[bytes/2])
		}
		ring[i%slots] = message
	}
	done.items = slots + pushes
	gaps.addTo(&done)
	return done
}
