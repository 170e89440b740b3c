// SPDX-License-Identifier: MIT

package main

import "sync"

type treeNode struct{ left, right *treeNode }

type trees struct {
	gaps gapWatch
	made uint64
}

func (t *trees) build(depth uint64) *treeNode {
	t.gaps.tick()
	t.made++
	if depth == 0 {
		return &treeNode{}
	}
	left := t.build(depth - 1)
	right := t.build(depth - 1)
	return &treeNode{left, right}
}

func (n *treeNode) count() uint64 {
	if n.left == nil {
		return 1
	}
	return 1 + n.left.count() + n.right.count()
}

func binaryTrees(depth, _ uint64) outcome {
	const leastDepth = 4
	var t trees
	sum := t.build(depth + 1).count()
	lasting := t.build(depth)
	for each := uint64(leastDepth); each <= depth; each += 2 {
		for i := uint64(0); i < 1<<(depth-each+leastDepth); i++ {
			sum += t.build(each).count()
		}
	}
	sum += lasting.count()
	done := outcome{checksum: sum, items: t.made}
	t.gaps.addTo(&done)
	return done
}

func threadsTrees(depth, count uint64) outcome {
	const threads = 8
	var outcomes [threads]outcome
	var all sync.WaitGroup
	all.Add(threads)
	for index := 0; index < threads; index++ {
		go func(mine *outcome) {
			defer all.Done()
			var t trees
			lasting := t.build(depth)
			for i := uint64(0); i < count; i++ {
				mine.checksum += t.build(depth - 4).count()
			}
			mine.checksum += lasting.count()
			mine.items = t.made
			t.gaps.addTo(mine)
		}(&outcomes[index])
	}
	all.Wait()
	var sum outcome
	for _, each := range outcomes {
		sum.checksum += each.checksum
		sum.items += each.items
		sum.gaps.add(each.gaps)
	}
	return sum
}
