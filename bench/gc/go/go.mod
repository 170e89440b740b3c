module spanheap/bench/gc

go 1.19
