//go:build !linux

package admin

import "net"

// peerOf does not know: the mode of the socket's file alone decides who may connect.
func peerOf(*net.UnixConn) (who credentials, known bool, err error) { return who, false, nil }
