//go:build !race

package genleader

// defaultSeeds is how many random runs each such test makes without -seeds.
const defaultSeeds = 100
