//go:build !unix

package disk

import (
	"fmt"
	"os"
	"runtime"
)

// lock fails: without a lock that ends with the process, two of them could write to one directory.
func lock(path string) (*os.File, error) {
	return nil, fmt.Errorf("disk: %s: no data directories on %s", path, runtime.GOOS)
}
