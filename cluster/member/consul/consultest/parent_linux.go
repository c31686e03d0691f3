package consultest

import (
	"os/exec"
	"syscall"
)

// dieWithParent makes sure that no agent outlives a test binary that was killed.
func dieWithParent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
