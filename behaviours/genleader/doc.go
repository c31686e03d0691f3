// Package genleader runs a behaviour on every member of a group and lets one of them lead.
//
// It is gen_leader's contract on Raft. A call to the leader may answer at once or broadcast; a broadcast goes into
// the log, and once a majority has it FromLeader applies it on every member, in one order.
//
//	caller --LeaderCall--> local instance --> leader: HandleLeaderCall --Broadcast--> log
//	                                                                                   |  a majority has it
//	caller <--reply-- local instance: FromLeader <-------------------------------------+--> FromLeader on all others
//
// It promises: a reply means that a majority has the broadcast, so it outlives the crash of any minority; the caller's
// own member has applied it, so a local read after the reply sees it; a call is done at most once, also when the leader
// dies before it answers, because every member can tell from the log which calls of a dead leader were done and repeats
// only the others. A call that cannot be settled before its deadline fails with ErrNoLeader (nothing was done) or
// ErrUncertain. Without a majority nothing is promised to move.
//
// With Config.Leases it also grants leases: see package lease, and View for what the leader knows of the others.
//
// Any number of groups share the links of one process through a Hub:
//
//	hub.Group("orders", Config{...}) --+                               +-- "orders" of the peer
//	                                   +-- hub ==== one link ==== hub --+
//	hub.Group("prices", Config{...}) --+                               +-- "prices" of the peer
//
// A group sees a link to a peer once both have opened it. One without leases that has had nothing to do for an election
// time hibernates: no member sends anything or keeps a timer, and the hubs watch the links for all of them. Whatever
// happens wakes it, and it fails over as fast as one that is awake.
//
// What a group does can be looked at: View is what others act on, Inspect is for operators, and Config.Event tells what
// happens and why: who was elected, why a leader was lost, who joined and left.
//
// Candidates vote, up to a number of them, and the rest of them and all workers learn: learners have the log and leases,
// read and call, and count for no majority. Who votes changes by itself, one change at a time: a member that comes learns
// first and is promoted once it has caught up; one that is lost for long enough loses its seat, to a learner or, as long
// as a majority of the whole electorate remains, to nobody. The rules are in core_electorate_rules.go.
//
// Without Config.Storage state is in memory: a process that restarts is a new incarnation, gets a new Raft id and takes the
// place of the old one by a change of the electorate, so it can never contradict votes or entries that it has forgotten.
// If a majority of the voters restart at once the log is gone, and View.Problem says so. With a storage, such as package
// disk's, a process that restarts keeps its Raft id and goes on with what it had, also when all restart at once.
package genleader
