package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/gendac/gendac/behaviours/genleader"
)

const (
	segmentPrefix  = "log-"
	snapshotPrefix = "snapshot-"
	partSuffix     = ".part" // of files that are being written

	segmentBytes = 16 << 20 // a segment that has so many gets a successor
	overlong     = 16       // times as many it may have before the lack of a descriptor for its successor is an error
)

// A Store is an open directory. It is a genleader.Storage.
type Store struct {
	dir      string
	lock     *os.File
	key      uint64
	id       uint64
	repaired string
	stored   *genleader.Stored

	mu        sync.Mutex // of what Save and SaveSnapshot both change
	segments  []segment  // the last one is written to
	snapshots []uint64   // indexes, rising

	file    *os.File // of the last segment
	end     int64
	number  uint64 // of the latest batch
	state   *raftpb.HardState
	encoder encoder
	failed  error
	roll    int64 // segmentBytes, but for tests

	openFile func(name string, flag int, perm os.FileMode) (*os.File, error) // os.OpenFile, but for tests

	numbering sync.Mutex // of the number that is kept
	closed    bool
}

var _ genleader.Storage = (*Store)(nil)

// Open opens a member's directory, and makes it if it is not there. The id becomes the member's raft id if the directory is
// new; it must never have been used before. Errors wrap ErrLocked, ErrForeign or ErrCorrupt, or are the system's.
func Open(dir string, owner Owner, id uint64) (*Store, error) {
	return open(dir, owner, id, segmentBytes)
}

func open(dir string, owner Owner, id uint64, roll int64) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	held, err := lock(dir + ".lock")
	if err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	s := &Store{dir: dir, lock: held, roll: roll, openFile: os.OpenFile}
	if err := s.open(owner, id); err != nil {
		return nil, errors.Join(fmt.Errorf("disk: opening %s: %w", dir, err), s.closeFiles())
	}
	return s, nil
}

// ID is the member's raft id.
func (s *Store) ID() uint64 { return s.id }

// Repaired says what opening has cut off the end of the log, if a crash had left something there.
func (s *Store) Repaired() string { return s.repaired }

// Load returns what was read when the directory was opened.
func (s *Store) Load() (*genleader.Stored, error) {
	stored := s.stored
	s.stored = nil
	return stored, nil
}

// Save writes everything as one batch and waits for the disk once. After an error nothing more is written: what the disk
// holds is not known until the directory is opened again.
func (s *Store) Save(writes []genleader.Write) error {
	if s.failed != nil {
		return s.failed
	}
	if err := s.save(writes); err != nil {
		s.failed = fmt.Errorf("disk: %s: %w", s.dir, err)
	}
	return s.failed
}

func (s *Store) save(writes []genleader.Write) error {
	s.encoder.begin()
	for _, w := range writes {
		if w.Snapshot != nil {
			if err := s.flush(); err != nil {
				return err
			}
			if _, err := s.writeSnapshot(fromLeader, w.Snapshot, w.Image); err != nil {
				return err
			}
			s.encoder.add(kindReset, w.Snapshot.GetMetadata())
			if w.State == nil {
				w.State = s.state
			}
		}
		s.encoder.addWrite(w)
		if w.State != nil {
			s.state = w.State
		}
		s.mu.Lock()
		seg := &s.segments[len(s.segments)-1]
		for _, e := range w.Entries {
			seg.last = max(seg.last, e.GetIndex())
		}
		if w.Snapshot != nil {
			seg.keepReset(w.Snapshot.GetMetadata())
		}
		s.mu.Unlock()
		if w.Snapshot != nil {
			if err := s.flush(); err != nil {
				return err
			}
			if err := s.superseded(w.Snapshot.GetMetadata().GetIndex()); err != nil {
				return err
			}
		}
	}
	return s.flush()
}

// flush writes what the encoder holds, waits for the disk, and begins another segment if this one is long enough.
func (s *Store) flush() error {
	if s.encoder.empty() {
		return nil
	}
	batch, err := s.encoder.finish(s.number + 1)
	if err != nil {
		return err
	}
	if _, err := s.file.WriteAt(batch, s.end); err != nil {
		return err
	}
	if err := syncData(s.file); err != nil {
		return err
	}
	s.number++
	s.end += int64(len(batch))
	s.encoder.begin()
	if s.end >= s.roll {
		return s.nextSegment()
	}
	return nil
}

// nextSegment begins a segment with the latest vote, so that those before it can go. It is on disk before it has its name,
// so one without a first batch is damaged. Without a descriptor for it the present segment stays the last one until a later
// write: all that it holds is on disk.
func (s *Store) nextSegment() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	number := s.segments[len(s.segments)-1].number + 1
	next, err := s.newPart(s.segmentPath(number))
	if outOfDescriptors(err) && s.end < overlong*s.roll {
		return nil
	}
	if err != nil {
		return fmt.Errorf("a segment has %d bytes, and the next one cannot be begun: %w", s.end, err)
	}
	if s.state != nil {
		s.encoder.add(kindState, s.state)
	}
	batch, err := s.encoder.finish(s.number + 1)
	if err == nil {
		_, err = next.Write(batch)
	}
	if err == nil {
		err = next.name()
	}
	if err != nil {
		next.abandon()
		return err
	}
	old := s.file
	s.number++
	s.file, s.end = next.File, int64(len(batch))
	s.segments = append(s.segments, segment{number: number})
	s.encoder.begin()
	return old.Close()
}

// SaveSnapshot writes a snapshot of what this member has applied, and removes what it supersedes. It may fail without harm:
// the log is still there.
func (s *Store) SaveSnapshot(snapshot *raftpb.Snapshot, image genleader.Image) (size uint64, err error) {
	size, err = s.writeSnapshot(takenHere, snapshot, image)
	if err == nil {
		err = s.superseded(snapshot.GetMetadata().GetIndex())
	}
	if err != nil {
		return 0, fmt.Errorf("disk: %s: %w", s.dir, err)
	}
	return size, nil
}

// superseded removes the snapshots before the newest one and the segments that hold nothing behind it.
func (s *Store) superseded(index uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.snapshots, index) {
		s.snapshots = append(s.snapshots, index)
		slices.Sort(s.snapshots)
	}
	newest := s.snapshots[len(s.snapshots)-1]
	for len(s.segments) > 1 && s.segments[0].last <= newest {
		if err := os.Remove(s.segmentPath(s.segments[0].number)); err != nil {
			return err
		}
		s.segments = s.segments[1:]
	}
	for len(s.snapshots) > 1 {
		if err := os.Remove(s.snapshotPath(s.snapshots[0])); err != nil {
			return err
		}
		s.snapshots = s.snapshots[1:]
	}
	return nil
}

// Close lets another process open the directory.
func (s *Store) Close() error {
	s.endNumbers()
	if s.failed == nil {
		s.failed = ErrClosed
	}
	return s.closeFiles()
}

func (s *Store) closeFiles() error {
	var err error
	if s.file != nil {
		err = s.file.Close()
	}
	return errors.Join(err, s.lock.Close())
}
