// SPDX-License-Identifier: MIT

package main

const graphEdges = 4

type leaf struct {
	value uint64
	_     [7]uint64
}

type graphNode struct {
	edges  [graphEdges]*graphNode
	leaf   *leaf
	number uint64
	_      [2]uint64
}

func newLeaf(value uint64) *leaf { return &leaf{value: value} }

func buildGraph(nodes uint64, r *random, gaps *gapWatch) []*graphNode {
	table := make([]*graphNode, nodes)
	for i := range table {
		gaps.tick()
		table[i] = &graphNode{number: uint64(i), leaf: newLeaf(uint64(i))}
	}
	for _, node := range table {
		gaps.tick()
		for edge := range node.edges {
			node.edges[edge] = table[r.below(nodes)]
		}
	}
	return table
}

func randomGraph(nodes, changes uint64) outcome {
	var gaps gapWatch
	var done outcome
	r := newRandom(1)
	table := buildGraph(nodes, &r, &gaps)
	for i := uint64(0); i < changes; i++ {
		gaps.tick()
		node := table[r.below(nodes)]
		if i%2 == 0 {
			edge := &node.edges[i/2%graphEdges]
			done.checksum += (*edge).number
			*edge = table[r.below(nodes)]
		} else {
			seen := node.leaf.value
			node.leaf = newLeaf(seen + i)
			done.checksum += seen
		}
	}
	done.items = 2*nodes + changes
	gaps.addTo(&done)
	return done
}
