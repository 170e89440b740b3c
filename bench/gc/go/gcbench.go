// SPDX-License-Identifier: MIT

package main

type gcNode struct {
	left, right *gcNode
	i, j        uint64
}

type builder struct {
	gaps gapWatch
	made uint64
}

func (b *builder) fromBottom(depth uint64) *gcNode {
	b.gaps.tick()
	b.made++
	if depth == 0 {
		return &gcNode{nil, nil, depth, b.made}
	}
	left := b.fromBottom(depth - 1)
	right := b.fromBottom(depth - 1)
	return &gcNode{left, right, depth, b.made}
}

func (b *builder) populate(node *gcNode, depth uint64) {
	b.gaps.tick()
	b.made++
	if depth == 0 {
		return
	}
	node.left = &gcNode{nil, nil, depth - 1, b.made}
	node.right = &gcNode{nil, nil, depth - 1, b.made}
	b.populate(node.left, depth-1)
	b.populate(node.right, depth-1)
}

func (b *builder) fromTop(depth uint64) *gcNode {
	top := &gcNode{nil, nil, depth, b.made}
	b.populate(top, depth)
	return top
}

func (n *gcNode) finish() uint64 {
	sum := n.i + 1
	if n.left != nil {
		sum += n.left.finish() + n.right.finish()
	}
	return sum
}

func gcBench(depth, _ uint64) outcome {
	const numbers = 4 << 20
	var b builder
	lasting := b.fromTop(depth)
	values := make([]float64, numbers)
	for i := range values {
		values[i] = float64(i)
	}
	var done outcome
	for each := uint64(4); each <= depth; each += 2 {
		for i := uint64(0); i < 2<<(depth-each); i++ {
			done.checksum += b.fromTop(each).finish()
			done.checksum += b.fromBottom(each).finish()
		}
	}
	done.checksum += lasting.finish() + uint64(values[numbers-1])
	done.items = b.made
	b.gaps.addTo(&done)
	return done
}
