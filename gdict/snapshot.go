package gdict

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/gdict/internal/wire"
)

// encodeSnapshot writes all entries with their revisions, in the order of their keys: equal states give equal bytes.
func encodeSnapshot(s state) ([]byte, error) {
	m := &wire.Snapshot{Version: wireVersion, Rev: s.rev, Entries: make([]*wire.Entry, 0, s.tree.Len())}
	for entry := range scan(s, "") {
		m.Entries = append(m.Entries, &wire.Entry{Key: []byte(entry.Key), Value: entry.Value, Rev: entry.Rev})
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("gdict: snapshot at revision %d: %w", s.rev, err)
	}
	return b, nil
}

// decodeSnapshot returns the state that a snapshot holds, or an error that says what is wrong with it.
func decodeSnapshot(b []byte) (state, error) {
	m := &wire.Snapshot{}
	if err := proto.Unmarshal(b, m); err != nil {
		return state{}, fmt.Errorf("gdict: restore: malformed snapshot: %w", err)
	}
	if m.GetVersion() != wireVersion {
		return state{}, fmt.Errorf("gdict: restore: snapshot version %d is not supported, only %d", m.GetVersion(), wireVersion)
	}
	s := emptyState()
	s.rev = m.GetRev()
	txn := s.tree.Txn()
	last := ""
	for i, e := range m.GetEntries() {
		key := string(e.GetKey())
		switch {
		case key <= last: // also refuses the empty key
			return state{}, fmt.Errorf("gdict: restore: entry %d: key %s is not after the one before it", i, quoted(key))
		case e.GetRev() == 0 || e.GetRev() > s.rev:
			return state{}, fmt.Errorf("gdict: restore: key %s: revision %d is not within 1 and %d", quoted(key), e.GetRev(), s.rev)
		}
		txn.Insert(e.GetKey(), Entry{Key: key, Value: e.GetValue(), Rev: e.GetRev()})
		s.size += cost(len(key), len(e.GetValue()))
		last = key
	}
	s.tree = txn.CommitOnly()
	return s, nil
}

func sortByRev(changes []change) {
	slices.SortStableFunc(changes, func(a, b change) int {
		switch {
		case a.entry.Rev < b.entry.Rev:
			return -1
		case a.entry.Rev > b.entry.Rev:
			return 1
		default:
			return 0
		}
	})
}
