// Command idle measures what groups with nothing to do cost: three members as processes on loopback, each with many
// dictionaries of its own beside the cluster's group, and how fast all of them have another leader after a kill -9 and
// after a pause.
//
//	go run ./bench/cmd/idle -groups 100 -for 10s
//
// Every row is of the same run on the same machine. CPU is user and system time as getrusage counts it, in percent of one
// core and per process.
package main
