package disk

import (
	"os"
	"syscall"
)

// syncData waits for what was written, and for no more of what the system knows about the file than is needed to read it.
func syncData(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }
