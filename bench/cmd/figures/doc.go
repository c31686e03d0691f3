// Command figures measures the dictionary on this machine: three real processes on loopback, 100-byte values, beside etcd
// in the same run if it is installed.
//
//	go run ./bench/cmd/figures                  # writes, reads and elections, in memory
//	go run ./bench/cmd/figures -keys 1000000    # memory per key, and the start of a member beside that many
//	go run ./bench/cmd/figures -disk DIR        # everything with data directories under DIR
//
// Times on a shared machine say little by themselves; ratios within one run say more.
package main
