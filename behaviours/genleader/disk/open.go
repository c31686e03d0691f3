package disk

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/gendac/gendac/behaviours/genleader"
)

func (s *Store) open(owner Owner, id uint64) error {
	names, err := os.ReadDir(s.dir)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	if len(names) == 0 {
		if err := s.create(owner, id); err != nil {
			return err
		}
	}
	who, err := readIdentity(s.dir)
	if err != nil {
		return err
	}
	if err := who.check(s.dir, owner); err != nil {
		return err
	}
	s.id, s.key, s.encoder.key = who.ID, who.Key, who.Key
	if err := s.list(); err != nil {
		return err
	}
	unreset, err := s.read()
	if err != nil {
		return err
	}
	if s.file, err = os.OpenFile(s.segmentPath(s.segments[len(s.segments)-1].number), os.O_WRONLY, 0); err != nil || !unreset {
		return err
	}
	s.encoder.begin()
	s.encoder.add(kindReset, s.stored.Snapshot.GetMetadata())
	s.segments[len(s.segments)-1].keepReset(s.stored.Snapshot.GetMetadata())
	return s.flush()
}

// create makes the directory elsewhere and gives it its name when it is whole, so that one that lacks something is damaged
// and never just young.
func (s *Store) create(owner Owner, id uint64) error {
	part := s.dir + partSuffix
	if err := firstOf(os.RemoveAll(part), os.Mkdir(part, 0o700)); err != nil {
		return err
	}
	who, err := newIdentity(owner, id)
	if err != nil {
		return err
	}
	if err := firstOf(who.write(part), writeFile(filepath.Join(part, fmt.Sprintf("%s%016x", segmentPrefix, 1)), nil), syncDir(part)); err != nil {
		return err
	}
	return firstOf(os.Rename(part, s.dir), syncDir(filepath.Dir(s.dir)))
}

// list finds segments and snapshots, and clears away what was never finished.
func (s *Store) list() error {
	names, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, entry := range names {
		name := entry.Name()
		if strings.HasSuffix(name, partSuffix) {
			if err := os.Remove(filepath.Join(s.dir, name)); err != nil {
				return err
			}
			continue
		}
		if n, ok := numbered(name, segmentPrefix); ok {
			s.segments = append(s.segments, segment{number: n})
		} else if n, ok := numbered(name, snapshotPrefix); ok {
			s.snapshots = append(s.snapshots, n)
		} else if name != identityName && name != numberName {
			return fmt.Errorf("%w: %s has a file %q, which gendac has not made", ErrForeign, s.dir, name)
		}
	}
	slices.SortFunc(s.segments, func(a, b segment) int { return cmp.Compare(a.number, b.number) })
	slices.Sort(s.snapshots)
	for i, seg := range s.segments {
		if i > 0 && seg.number != s.segments[i-1].number+1 {
			return &CorruptError{File: s.segmentPath(seg.number), Why: "the segment before it is missing"}
		}
	}
	if len(s.segments) == 0 {
		return &CorruptError{File: s.segmentPath(1), Why: "there is no segment of the log at all"}
	}
	return nil
}

func numbered(name, prefix string) (n uint64, ok bool) {
	digits, ok := strings.CutPrefix(name, prefix)
	if !ok || len(digits) != 16 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 16, 64)
	return n, err == nil
}

// read takes in the newest snapshot and the log behind it. It says whether the log has not begun anew yet behind a snapshot
// of the leader's, because a crash came between.
func (s *Store) read() (unreset bool, err error) {
	r := replay{stored: &genleader.Stored{}}
	if n := len(s.snapshots); n > 0 {
		if err := s.checkSnapshot(s.snapshots[n-1], &r); err != nil {
			return false, err
		}
	}
	for i := range s.segments {
		seg := &s.segments[i]
		r.segment = seg
		if err := s.readSegment(seg.number, i == len(s.segments)-1, r.take); err != nil {
			return false, err
		}
	}
	s.stored, s.state = r.stored, r.stored.State
	settled := *r.stored
	if err := settled.Settle(); err != nil {
		return false, &CorruptError{File: s.segmentPath(s.segments[len(s.segments)-1].number), Offset: s.end, Why: err.Error()}
	}
	return r.unreset, nil
}

// checkSnapshot reads a snapshot to its end: a damaged one must show before the member says a word.
func (s *Store) checkSnapshot(index uint64, r *replay) error {
	origin, snapshot, image, err := s.openSnapshot(index)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, image)
	if err := errors.Join(err, image.Close()); err != nil {
		return err
	}
	r.stored.Snapshot, r.unreset = snapshot, origin == fromLeader
	r.stored.OpenImage = func() (io.ReadCloser, error) {
		_, _, image, err := s.openSnapshot(index)
		return image, err
	}
	return nil
}

// replay adds up the log.
type replay struct {
	stored  *genleader.Stored
	segment *segment
	unreset bool // the snapshot is the leader's, and the log has not begun anew behind it yet
}

func (r *replay) take(records []record) error {
	for _, rec := range records {
		switch {
		case rec.reset != nil:
			base := r.stored.Snapshot.GetMetadata().GetIndex()
			if rec.reset.GetIndex() > base {
				return fmt.Errorf("the log goes on behind a snapshot at %d, and the newest one is at %d", rec.reset.GetIndex(), base)
			}
			r.stored.Entries = nil
			r.segment.keepReset(rec.reset)
			r.unreset = r.unreset && rec.reset.GetIndex() != base
		case rec.state != nil:
			r.stored.State = rec.state
		default:
			r.segment.last = max(r.segment.last, rec.entry.GetIndex())
			if r.unreset {
				continue // it does not count, and may well leave a gap
			}
			if err := r.stored.Add(genleader.Write{Entries: []*raftpb.Entry{rec.entry}}); err != nil {
				return err
			}
		}
	}
	return nil
}
