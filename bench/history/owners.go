package history

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Owned holds the keys that belong to a process, prefix and the process's own word, against when it ended, or was told to:
// none is erased before, and none is there at the end whose process had ended by settled. It says how many were erased.
func (u *Union) Owned(records []Record, prefix string, ends map[string]int64, settled int64) (erased int, problems []string) {
	gone := map[string]int64{} // when a watch showed it first
	for _, r := range records {
		owner, ours := strings.CutPrefix(r.Key, prefix)
		if !ours || r.Kind != Change || !r.Erased {
			continue
		}
		if at, known := gone[owner]; !known || r.At < at {
			gone[owner] = r.At
		}
	}
	for _, owner := range slices.Sorted(maps.Keys(gone)) {
		if end, ended := ends[owner]; !ended || gone[owner] < end {
			problems = append(problems, fmt.Sprintf("the key of %s was erased while it ran", owner))
		}
	}
	if len(u.revs) == 0 {
		return 0, problems
	}
	u.replay(u.revs[len(u.revs)-1:], func(_ uint64, state map[string]entry) {
		for _, key := range slices.Sorted(maps.Keys(state)) {
			owner, ours := strings.CutPrefix(key, prefix)
			if end, ended := ends[owner]; ours && ended && end < settled {
				problems = append(problems, fmt.Sprintf("the key of %s is there, although it has ended", owner))
			}
		}
	})
	return len(gone), problems
}
