//go:build race

package genleader

// defaultSeeds is few, since the race detector makes these tests ten times slower and finds nothing in one goroutine.
const defaultSeeds = 10
