package node

import (
	"errors"
	"math"
	"testing"

	"github.com/gendac/gendac/gdict"
)

// TestADictionaryTakesAQuarterOfTheMemoryAtMost, if the process has been told how much there is and nobody says otherwise.
func TestADictionaryTakesAQuarterOfTheMemoryAtMost(t *testing.T) {
	for _, c := range []struct {
		given  int
		memory int64
		want   int
	}{
		{0, math.MaxInt64, gdict.DefaultMaxTotal},
		{0, 512 << 20, 128 << 20},
		{0, 64 << 30, gdict.DefaultMaxTotal},
		{0, 1 << 20, leastDictionary},
		{1 << 30, 512 << 20, 1 << 30},
	} {
		if got := dictionaryLimit(c.given, c.memory); got != c.want {
			t.Errorf("given %d and GOMEMLIMIT %d: %d, want %d", c.given, c.memory, got, c.want)
		}
	}
}

func TestATooSmallDictionaryIsRefused(t *testing.T) {
	var wrong *Error
	if err := checkDictionary(leastDictionary - 1); !errors.As(err, &wrong) || wrong.Field != "MaxDictionary" {
		t.Errorf("%v", err)
	}
	if err := checkDictionary(leastDictionary); err != nil {
		t.Error(err)
	}
}
