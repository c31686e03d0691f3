package admin

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"
)

// UnixPrefix begins an address that is the path of a Unix socket: "unix:/run/gendac/a1.sock".
const UnixPrefix = "unix:"

// maxPath is the longest path of a socket, in bytes, on the platforms that the product runs on.
const maxPath = 103

// An Option of NewServer.
type Option func(*options)

type options struct {
	hosts []string
	group string
}

// Hosts lets in requests whose Host header is one of these, beside the loopback names with the listener's port: HOST:PORT as
// the clients write it, for example behind a port that is forwarded.
func Hosts(hosts ...string) Option { return func(o *options) { o.hosts = append(o.hosts, hosts...) } }

// SocketGroup lets the members of a group of the operating system, a name or a number, use a Unix socket. Without it only the user
// that the process runs as, and root, may.
func SocketGroup(group string) Option { return func(o *options) { o.group = group } }

// CheckAddr refuses what no server can listen on: addr must be HOST:PORT with a loopback host, or unix:PATH. The error is an
// *AddressError.
func CheckAddr(addr string) error {
	path, isUnix := strings.CutPrefix(addr, UnixPrefix)
	err := error(nil)
	switch {
	case !isUnix:
		err = loopback(addr)
	case path == "":
		err = errors.New("the path of the socket is missing")
	case len(path) > maxPath:
		err = fmt.Errorf("the path of a socket has at most %d bytes, this one has %d", maxPath, len(path))
	}
	if err != nil {
		return &AddressError{Addr: addr, Err: err}
	}
	return nil
}

// listen opens the address that the server was given. The errors are about the address and do not repeat it.
func listen(addr string, o options) (net.Listener, peerRule, error) {
	path, isUnix := strings.CutPrefix(addr, UnixPrefix)
	if !isUnix {
		if o.group != "" {
			return nil, peerRule{}, errors.New("a group can be given for a Unix socket only, unix:PATH")
		}
		l, err := net.Listen("tcp", addr)
		return l, peerRule{}, err
	}
	rule := peerRule{on: true, uid: os.Geteuid(), gid: -1}
	mode := fs.FileMode(0o600)
	if o.group != "" {
		gid, err := groupID(o.group)
		if err != nil {
			return nil, rule, err
		}
		rule.gid, mode = gid, 0o660
	}
	l, err := listenUnix(path)
	if err != nil {
		return nil, rule, err
	}
	// Nobody is served before this is done, and whoever has connected by then is asked for its credentials.
	if err = os.Chmod(path, mode); err == nil && rule.gid >= 0 {
		err = os.Chown(path, -1, rule.gid)
	}
	if err != nil {
		l.Close()
		return nil, rule, err
	}
	return l, rule, nil
}

// listenUnix takes over a socket that a process has left behind which is gone.
func listenUnix(path string) (net.Listener, error) {
	l, err := net.Listen("unix", path)
	if !errors.Is(err, syscall.EADDRINUSE) || !abandoned(path) {
		return l, err
	}
	if err := os.Remove(path); err != nil {
		return nil, err
	}
	return net.Listen("unix", path)
}

// abandoned says whether path is a socket at which nobody listens.
func abandoned(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Type() != fs.ModeSocket {
		return false
	}
	conn, err := net.Dial("unix", path)
	if err == nil {
		conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

func groupID(group string) (int, error) {
	if n, err := strconv.ParseUint(group, 10, 31); err == nil {
		return int(n), nil
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		return 0, fmt.Errorf("group %q: %w", group, err)
	}
	return strconv.Atoi(g.Gid)
}

// loopback refuses addresses that other machines could reach.
func loopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return errors.New("not host:port")
	}
	if !isLoopback(host) {
		return errNotLoopback
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
