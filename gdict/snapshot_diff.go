package gdict

// A snapshotDiff is what watches see when a snapshot takes the place of the changes between two states: their
// difference. It takes time in proportion to what they watch, so it is made before the group's turn, for the watches
// there are, and the turn only hands it over.
type snapshotDiff struct {
	from, to state
	steps    map[string][]waiting // by prefix
}

func newSnapshotDiff(from, to state) *snapshotDiff {
	return &snapshotDiff{from: from, to: to, steps: map[string][]waiting{}}
}

// step is the difference under a prefix.
func (l *snapshotDiff) step(prefix string) []waiting {
	step, made := l.steps[prefix]
	if !made {
		step = appendStep(nil, difference(l.from, l.to, prefix), l.to.rev, 0)
		l.steps[prefix] = step
	}
	return step
}

// diffTo prepares the snapshot diff from the present state to another one.
func (d *Dict) diffTo(to state) *snapshotDiff {
	l := newSnapshotDiff(*d.now.Load(), to)
	d.mu.Lock()
	prefixes := make([]string, 0, len(d.watches))
	for w := range d.watches {
		prefixes = append(prefixes, w.prefix)
	}
	d.mu.Unlock()
	for _, prefix := range prefixes {
		l.step(prefix)
	}
	return l
}
