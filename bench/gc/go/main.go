// SPDX-License-Identifier: MIT

// The programs of this folder in Go: the same work, the same random numbers, the same output as
// the C++ ones (bench/gc/main.cc), so that Go's heap stands beside the others.
//
// usage: spanheap-gc-go PROGRAM SIZE [COUNT]
package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// What a program did and saw.
type outcome struct {
	checksum, items uint64
	gaps            gaps
}

var programs = map[string]func(size, count uint64) outcome{
	"binary-trees":  binaryTrees,
	"threads-trees": threadsTrees,
	"gcbench":       gcBench,
	"alloc-bytes":   allocateBytes,
	"alloc-scanned": allocateScanned,
	"graph":         randomGraph,
	"message-ring":  messageRing,
	"list-storm":    listStorm,
	"wide-arrays":   wideArrays,
	"small-maps":    smallMaps,
	"no-heap":       noHeap,
}

func argument(i int) uint64 {
	if i >= len(os.Args) {
		return 0
	}
	value, _ := strconv.ParseUint(os.Args[i], 10, 64)
	return value
}

// Pause histories hold the last 256 stops; the quantiles know the longest of those only.
func longestStop(stats *debug.GCStats) (longest time.Duration) {
	for _, pause := range stats.Pause {
		if pause > longest {
			longest = pause
		}
	}
	return longest
}

// The most memory the process has held.
func peakBytes() (kib uint64) {
	status, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(status), "\n") {
		if n, _ := fmt.Sscanf(line, "VmHWM: %d", &kib); n == 1 {
			break
		}
	}
	return kib * 1024
}

func main() {
	if len(os.Args) < 3 || programs[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: spanheap-gc-go PROGRAM SIZE [COUNT]")
		os.Exit(2)
	}
	start := time.Now()
	done := programs[os.Args[1]](argument(2), argument(3))
	run := time.Since(start)
	var stats debug.GCStats
	debug.ReadGCStats(&stats)
	fmt.Printf("{\"heap\":\"go\",\"checksum\":%d,\"items\":%d,\"run_ns\":%d,\"gap_ns\":%d,"+
		"\"unstolen_gap_ns\":%d,\"long_gaps\":%d,\"rss_bytes\":%d,\"cycles\":%d,\"stop_ns\":%d,\"stops_ns\":%d}\n",
		done.checksum, done.items, run.Nanoseconds(), done.gaps.longestNs,
		done.gaps.longestUnstolenNs, done.gaps.aboveMs,
		peakBytes(), stats.NumGC, longestStop(&stats).Nanoseconds(), stats.PauseTotal.Nanoseconds())
}
