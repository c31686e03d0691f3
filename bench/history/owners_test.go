package history

import (
	"slices"
	"testing"
)

func TestKeysGoWithTheirOwnersAndNotBefore(t *testing.T) {
	erased := func(rev uint64, key string) Record { return Record{Rev: rev, Key: key, Erased: true} }
	for name, c := range map[string]struct {
		shown []Record // their times begin at 3
		ends  map[string]int64
		want  []string
	}{
		"both run":                 {[]Record{at(1, "o/a", "1"), at(2, "o/b", "1")}, nil, nil},
		"one has ended":            {[]Record{at(1, "o/a", "1"), erased(2, "o/a")}, map[string]int64{"a": 4}, nil},
		"erased too early":         {[]Record{at(1, "o/a", "1"), erased(2, "o/a")}, map[string]int64{"a": 5}, []string{"the key of a was erased while it ran"}},
		"erased though it runs":    {[]Record{at(1, "o/a", "1"), erased(2, "o/a")}, nil, []string{"the key of a was erased while it ran"}},
		"not erased though it ran": {[]Record{at(1, "o/a", "1")}, map[string]int64{"a": 4}, []string{"the key of a is there, although it has ended"}},
		"it has just ended":        {[]Record{at(1, "o/a", "1")}, map[string]int64{"a": 11}, nil},
	} {
		tale := &tale{}
		tale.watch("w", 1, 0, c.shown...)
		u, _ := Watched(tale.records)
		if _, got := u.Owned(tale.records, "o/", c.ends, 10); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
