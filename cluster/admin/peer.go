package admin

import (
	"fmt"
	"net"
)

// A peerRule says whose processes may use a Unix socket. The file's mode says the same; this also holds for connections that
// came before the mode was set, and on file systems that have none.
type peerRule struct {
	on  bool
	uid int
	gid int // -1: no group
}

// credentials are who is at the other end of a Unix socket, as the kernel says.
type credentials struct {
	uid    int
	groups []int
}

// check returns an error that matches ErrPeer if the process at the other end of conn may not use the API.
func (p peerRule) check(conn net.Conn) error {
	c, isUnix := conn.(*net.UnixConn)
	if !p.on || !isUnix {
		return nil
	}
	who, known, err := peerOf(c)
	if err != nil {
		return fmt.Errorf("%w: its credentials cannot be read: %w", ErrPeer, err)
	}
	if !known {
		return nil // the platform does not say; the file's mode decides
	}
	return p.judge(who)
}

func (p peerRule) judge(who credentials) error {
	if who.uid == 0 || who.uid == p.uid {
		return nil
	}
	for _, gid := range who.groups {
		if p.gid >= 0 && gid == p.gid {
			return nil
		}
	}
	return fmt.Errorf("%w: user %d is neither root, nor user %d, nor in the group of the socket", ErrPeer, who.uid, p.uid)
}
