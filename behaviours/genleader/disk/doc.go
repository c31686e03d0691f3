// Package disk keeps what a member of a group must not forget in a directory: its votes, its log and snapshots.
//
//	identity      whose it is: cluster, group, member, raft id
//	log-N         segments of the log, numbered without a gap
//	snapshot-I    the state as of entry I, and what lies before it need not be kept
//	../NAME.lock  held while the directory is open
//
// A segment is a row of batches. A batch is what one Save wrote: it is written whole, and the next one is not begun before
// the disk has confirmed it. So only the very last batch can be torn by a crash, and nobody was promised anything for it:
// it is cut off. Everything else that does not fit is damage, and the directory is refused with file and offset.
package disk
