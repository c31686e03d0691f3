//go:build !linux

package consultest

import "os/exec"

// dieWithParent does nothing: only Linux can tie a process's life to its parent's.
func dieWithParent(*exec.Cmd) {}
