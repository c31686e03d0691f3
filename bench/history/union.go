package history

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// A change is what one revision made of one key.
type change struct {
	key    string
	value  string
	erased bool
}

func (c change) String() string {
	if c.erased {
		return c.key + " erased"
	}
	return c.key + "=" + c.value
}

// An entry is a key's value and the revision that it is of.
type entry struct {
	value string
	rev   uint64
}

// A watch is what one watch showed.
type watch struct {
	process  string
	live     bool // what it begins with has been shown
	snapshot map[string]entry
	begins   bool   // with a snapshot
	since    uint64 // shown is everything after this revision
	last     uint64 // revision of the latest change
	through  uint64
	shown    map[uint64][]change
}

// A Union is what the watches of all members together say about each revision.
type Union struct {
	revs    []uint64 // ascending
	changes map[uint64][]change
}

// Changes is how many revisions changed something.
func (u *Union) Changes() int { return len(u.revs) }

// Watched puts what all watches showed into one order, and holds each of them against it: at every revision all show the
// same, none leaves out or repeats a revision between the ones that it has shown, and a snapshot is what was there then.
func Watched(records []Record) (*Union, []string) {
	watches, problems := follow(records)
	u := &Union{changes: map[uint64][]change{}}
	for _, w := range watches {
		for rev, shown := range w.shown {
			if len(shown) > len(u.changes[rev]) { // the last one that a process showed before it died may be half of it
				u.changes[rev] = shown
			}
		}
	}
	u.revs = slices.Sorted(maps.Keys(u.changes))
	begun := map[uint64][]*watch{}
	for _, w := range watches {
		problems = append(problems, u.holds(w)...)
		if w.live && w.begins {
			begun[w.since] = append(begun[w.since], w)
		}
	}
	u.replay(slices.Sorted(maps.Keys(begun)), func(rev uint64, state map[string]entry) {
		for _, w := range begun[rev] {
			problems = append(problems, differences(fmt.Sprintf("%s: the snapshot at %d", w.process, rev), w.snapshot, state)...)
		}
	})
	return u, problems
}

// follow sorts what was shown by watches, and finds what no watch may show whatever the others do: revisions that fall.
func follow(records []Record) (all []*watch, problems []string) {
	type handle struct {
		process string
		id      int
	}
	open := map[handle]*watch{}
	for _, r := range records {
		h := handle{r.Process, r.ID}
		switch r.Kind {
		case Opened:
			open[h] = &watch{
				process: r.Process, begins: r.Rev == 0, live: r.Rev != 0, since: r.Rev, last: r.Rev, through: r.Rev,
				snapshot: map[string]entry{}, shown: map[uint64][]change{},
			}
			all = append(all, open[h])
		case Synced:
			if w := open[h]; !w.live {
				w.live, w.since, w.last, w.through = true, r.Rev, r.Rev, r.Rev
			}
		case Change:
			w := open[h]
			if !w.live {
				w.snapshot[r.Key] = entry{r.Value, r.Rev}
				continue
			}
			if c := (change{r.Key, r.Value, r.Erased}); r.Rev < w.last || r.Rev <= w.through {
				problems = append(problems, fmt.Sprintf("%s: a watch shows %v at %d, after %d and through %d", w.process, c, r.Rev, w.last, w.through))
			} else {
				w.shown[r.Rev] = append(w.shown[r.Rev], c)
			}
			w.last, w.through = max(w.last, r.Rev), max(w.through, r.Through)
		default:
		}
	}
	return all, problems
}

// holds compares one watch with what all of them say.
func (u *Union) holds(w *watch) (problems []string) {
	first, _ := slices.BinarySearch(u.revs, w.since+1)
	for _, rev := range u.revs[first:] {
		if rev > w.last {
			break
		}
		shown, want := w.shown[rev], u.changes[rev]
		if half := rev > w.through && len(shown) <= len(want); half { // its process died in the middle of it
			want = want[:len(shown)]
		}
		if !slices.Equal(shown, want) {
			problems = append(problems, fmt.Sprintf("%s: a watch shows %v at %d, others %v", w.process, shown, rev, u.changes[rev]))
		}
	}
	return problems
}

// replay calls at with what all keys held at each of these revisions, which ascend.
func (u *Union) replay(revs []uint64, at func(rev uint64, state map[string]entry)) {
	state := map[string]entry{}
	next := 0
	for _, rev := range revs {
		for ; next < len(u.revs) && u.revs[next] <= rev; next++ {
			for _, c := range u.changes[u.revs[next]] {
				if c.erased {
					delete(state, c.key)
				} else {
					state[c.key] = entry{c.value, u.revs[next]}
				}
			}
		}
		at(rev, state)
	}
}

func differences(what string, shown, want map[string]entry) (problems []string) {
	for _, key := range slices.Sorted(maps.Keys(shown)) {
		if shown[key] != want[key] {
			problems = append(problems, fmt.Sprintf("%s shows %s=%v, want %v", what, key, shown[key], want[key]))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if _, there := shown[key]; !there {
			problems = append(problems, fmt.Sprintf("%s lacks %s=%v", what, key, want[key]))
		}
	}
	return problems
}

// Acknowledged holds what callers were told against what the watches showed: what was done is there, at its revision and
// once, and what was refused is nowhere.
func (u *Union) Acknowledged(records []Record) (problems []string) {
	places := map[string][]uint64{}
	for _, rev := range u.revs {
		for _, c := range u.changes[rev] {
			if !c.erased {
				places[c.value] = append(places[c.value], rev)
			}
		}
	}
	for _, a := range answers(records) {
		for _, action := range a.op.Then {
			if action.Do != "store" {
				continue
			}
			at := places[action.Value]
			switch {
			case len(at) > 1:
				problems = append(problems, fmt.Sprintf("%s: %v was done %d times, at %v", a.client, a.op, len(at), at))
			case a.result.Outcome == Refused && len(at) > 0:
				problems = append(problems, fmt.Sprintf("%s: %v was refused (%s) and is done at %d", a.client, a.op, a.result.Err, at[0]))
			case a.result.Outcome == Done && a.result.Held && !slices.Contains(at, a.result.Rev):
				problems = append(problems, fmt.Sprintf("%s: %v was done at %d, the watches show it at %v", a.client, a.op, a.result.Rev, at))
			case a.result.Outcome == Done && !a.result.Held && len(at) > 0:
				problems = append(problems, fmt.Sprintf("%s: the conditions of %v did not hold, and it is done at %v", a.client, a.op, at))
			}
		}
	}
	return problems
}

// Locals says how many local reads there were, and which of them show something that was not there at the revision they
// name, or an older revision than an earlier one of their client, than its own write, or than what they claim to cover.
func (u *Union) Locals(records []Record) (reads int, problems []string) {
	latest := map[string]uint64{}
	acknowledged := newAcknowledgements(records)
	byRev := map[uint64][]Record{}
	for _, r := range records {
		if r.Kind != Local {
			continue
		}
		reads++
		byRev[r.Rev] = append(byRev[r.Rev], r)
		client := fmt.Sprint(r.Process, "/", r.Client)
		if r.Rev < max(latest[client], r.Seen) {
			problems = append(problems, fmt.Sprintf("%s reads %s as of %d, after %d and its own write at %d", client, r.Key, r.Rev, latest[client], r.Seen))
		}
		if must := acknowledged.before(r.Covers); r.Rev < must {
			problems = append(problems, fmt.Sprintf("%s reads %s as of %d, and %d was acknowledged in time", client, r.Key, r.Rev, must))
		}
		latest[client] = max(latest[client], r.Rev)
	}
	u.replay(slices.Sorted(maps.Keys(byRev)), func(rev uint64, state map[string]entry) {
		for _, r := range byRev[rev] {
			if want, there := state[r.Key]; there == r.Erased || want.value != r.Value {
				problems = append(problems, fmt.Sprintf("%s reads %s=%s as of %d, want %v", r.Process, r.Key, r.Value, rev, want))
			}
		}
	})
	slices.SortFunc(problems, cmp.Compare[string])
	return reads, problems
}

// acknowledgements are the revisions that callers were told of, in the order of the moments.
type acknowledgements []acknowledgement

type acknowledgement struct {
	at  int64
	rev uint64 // the latest until then
}

func newAcknowledgements(records []Record) acknowledgements {
	var all acknowledgements
	for _, a := range answers(records) {
		if a.result.Outcome == Done && a.result.Rev > 0 {
			all = append(all, acknowledgement{a.end, a.result.Rev})
		}
	}
	slices.SortFunc(all, func(a, b acknowledgement) int { return cmp.Compare(a.at, b.at) })
	for i := 1; i < len(all); i++ {
		all[i].rev = max(all[i].rev, all[i-1].rev)
	}
	return all
}

func (all acknowledgements) before(moment int64) uint64 {
	i, _ := slices.BinarySearchFunc(all, moment, func(a acknowledgement, moment int64) int { return cmp.Compare(a.at, moment) })
	if i == 0 {
		return 0
	}
	return all[i-1].rev
}
