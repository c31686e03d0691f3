package disk

import (
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/raft/v3/raftpb"
)

// A segment is one file of the log.
type segment struct {
	number uint64
	last   uint64 // highest index of any entry in it
}

// keepReset makes a segment stay, like one with an entry, that says that the log begins anew behind a leader's snapshot:
// without that word nothing behind the snapshot counts.
func (seg *segment) keepReset(snapshot *raftpb.SnapshotMetadata) {
	seg.last = max(seg.last, snapshot.GetIndex()+1)
}

func (s *Store) segmentPath(number uint64) string {
	return filepath.Join(s.dir, fmt.Sprintf("%s%016x", segmentPrefix, number))
}

// readSegment hands the batches of a segment to take. In the last segment a torn end is cut off.
func (s *Store) readSegment(number uint64, last bool, take func(records []record) error) error {
	path := s.segmentPath(number)
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	at := 0
	if len(data) == 0 && number > 1 {
		return &CorruptError{File: path, Why: "it is empty, and was not when it got its name"}
	}
	damaged := func(why string) error { return &CorruptError{File: path, Offset: int64(at), Why: why} }
	for at < len(data) {
		rest := data[at:]
		h, ok := readHeader(rest, s.key)
		whole := ok && h.size() <= len(rest)
		if !whole || checksum(s.key, rest[headerSize:h.size()]) != h.sum {
			if !last {
				return damaged("a batch does not match its checksum")
			}
			if at == 0 && number > 1 {
				return damaged("its first batch, which was there when it got its name, does not match its checksum")
			}
			if why := s.judge(data, at, h, ok); why != "" {
				return damaged(why)
			}
			return s.cutOff(path, at, len(data))
		}
		if s.number != 0 && h.number != s.number+1 {
			return damaged(fmt.Sprintf("batch %d follows batch %d", h.number, s.number))
		}
		s.number = h.number
		records, err := decode(rest[headerSize:h.size()], h, s.key)
		if err == nil {
			err = take(records)
		}
		if err != nil {
			return damaged(err.Error())
		}
		at += h.size()
	}
	s.end = int64(at)
	return nil
}

// judge says why the bad batch at the end of the log is not one that a crash has torn, or nothing if it is. A crash leaves
// a file that is too short, or sectors that were never written; those are zero, and no sector that was written is. And
// nothing was written behind it.
func (s *Store) judge(data []byte, at int, h header, headed bool) string {
	rest := data[at:]
	torn := len(rest) < headerSize || (headed && h.size() > len(rest))
	if !torn {
		region := len(data)
		if headed {
			region = at + h.size()
		}
		torn = hasUnwritten(data, at, region)
	}
	if !torn {
		return "the last batch does not match its checksum, and is not one that was only partly written"
	}
	for next := at + align; next+headerSize <= len(data); next += align {
		if h, ok := readHeader(data[next:], s.key); ok && h.number > s.number {
			return fmt.Sprintf("a batch is missing, and batch %d follows", h.number)
		}
	}
	return ""
}

// hasUnwritten says whether a sector's part of data[from:to] is all zero.
func hasUnwritten(data []byte, from, to int) bool {
	for from < to {
		end := min(to, (from/sector+1)*sector)
		if allZero(data[from:end]) {
			return true
		}
		from = end
	}
	return false
}

func allZero(data []byte) bool {
	for _, b := range data {
		if b != 0 {
			return false
		}
	}
	return true
}

func (s *Store) cutOff(path string, at, size int) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if err := firstOf(f.Truncate(int64(at)), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("disk: %s: cutting off a torn end at byte %d: %w", path, at, err)
	}
	s.end = int64(at)
	s.repaired = fmt.Sprintf("%s: cut off %d bytes at byte %d that a crash had left unfinished; nothing in them was acknowledged", path, size-at, at)
	return nil
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
