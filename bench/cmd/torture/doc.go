// Command torture runs a cluster of real processes in network namespaces, lets clients on every member use the dictionary
// while members are killed, paused, stopped and cut off from each other at random, and then judges what all of them saw.
//
//	go run ./bench/cmd/torture -minutes 10 -seed 7
//
// It needs root on Linux, and iproute2. It prints the seed and every fault with its time; the same seed chooses the same
// faults, as far as the members are ready for them. When something was wrong it exits with status 1 and says where the
// history and the pictures of what is not linearizable are.
package main
