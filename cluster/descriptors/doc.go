// Package descriptors divides the file descriptors of this process, so that connections of strangers never take those that
// the disk needs.
//
// A process has a limit of open files (RLIMIT_NOFILE). The Go runtime raises the soft limit to the hard one at start. Whoever
// accepts connections asks Share how many may be open at once: all shares together are a part of the limit, and the rest is
// left for logs, snapshots, links to other members and applications.
package descriptors

// Share returns how many connections a listener may hold open: an eighth of the process's limit, at least 4 and at most most.
// There are three users: connections to the members' port that no link has admitted, our own attempts to reach such peers, and
// the admin API.
func Share(most int) int {
	limit, known := limit()
	if !known {
		return most
	}
	return share(limit, most)
}

func share(limit uint64, most int) int {
	return max(4, int(min(limit/8, uint64(most))))
}
