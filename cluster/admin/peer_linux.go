package admin

import (
	"net"
	"syscall"
	"unsafe"
)

const (
	soPeerGroups = 59    // SO_PEERGROUPS, which package syscall does not have
	maxGroups    = 65536 // NGROUPS_MAX
)

// peerOf asks the kernel who connected: SO_PEERCRED and SO_PEERGROUPS.
func peerOf(conn *net.UnixConn) (who credentials, known bool, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return who, true, err
	}
	controlled := raw.Control(func(fd uintptr) {
		var u *syscall.Ucred
		if u, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED); err != nil {
			return
		}
		who = credentials{uid: int(u.Uid), groups: append([]int{int(u.Gid)}, supplementary(fd)...)}
	})
	if err == nil {
		err = controlled
	}
	return who, true, err
}

// supplementary are the peer's further groups; none if the kernel does not say.
func supplementary(fd uintptr) []int {
	ids := make([]uint32, 64)
	for {
		size := uint32(4 * len(ids))
		_, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, syscall.SOL_SOCKET, soPeerGroups,
			uintptr(unsafe.Pointer(&ids[0])), uintptr(unsafe.Pointer(&size)), 0)
		switch {
		case errno == syscall.ERANGE && len(ids) < maxGroups:
			ids = make([]uint32, maxGroups)
		case errno != 0:
			return nil
		default:
			groups := make([]int, 0, size/4)
			for _, id := range ids[:size/4] {
				groups = append(groups, int(id))
			}
			return groups
		}
	}
}
