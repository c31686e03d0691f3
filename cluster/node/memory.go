package node

import (
	"fmt"
	"math"
	"runtime/debug"

	"github.com/gendac/gendac/gdict"
)

const (
	ownDictionary   = 4 << 20 // bytes of the dictionary that only the cluster's own keys may take
	leastDictionary = 8 << 20
)

// dictionaryLimit is how many bytes the dictionary may have. Each member holds all of it, with what the garbage collector
// has not taken back yet, and while a snapshot replaces it for a moment twice. So a process that has been told by
// GOMEMLIMIT how much memory it may use gives the dictionary a quarter of that at most.
func dictionaryLimit(given int, memory int64) int {
	if given != 0 {
		return given
	}
	if memory == math.MaxInt64 {
		return gdict.DefaultMaxTotal
	}
	return int(min(max(memory/4, leastDictionary), gdict.DefaultMaxTotal))
}

// memoryLimit is GOMEMLIMIT, or math.MaxInt64.
func memoryLimit() int64 { return debug.SetMemoryLimit(-1) }

func checkDictionary(n int) error {
	if n != 0 && n < leastDictionary {
		return &Error{"MaxDictionary", fmt.Sprint(n), fmt.Sprintf("must be at least %d: the cluster keeps its own state there", leastDictionary)}
	}
	return nil
}
