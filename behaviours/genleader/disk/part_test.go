package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/gendac/gendac/behaviours/genleader"
)

// refuse makes the store's opens fail: of its directory or of files in it.
func refuse(s *Store, directory bool, err error) {
	s.openFile = func(name string, flag int, perm os.FileMode) (*os.File, error) {
		if directory == (name == s.dir) {
			return nil, &os.PathError{Op: "open", Path: name, Err: err}
		}
		return os.OpenFile(name, flag, perm)
	}
}

// holds fails unless the directory has the entries before next, and nothing else.
func holds(t testing.TB, dir string, next uint64) {
	t.Helper()
	s := mustOpen(t, dir)
	want := &genleader.Stored{State: state(1, 7), Entries: entries(1, 1, next-1)}
	if got := show(t, load(t, s)); got != show(t, want) {
		t.Errorf("got\n%s", got)
	}
	mustClose(t, s)
}

// TestASegmentWaitsForADescriptor, and for nothing else: its predecessor is whole, and takes what comes until then.
func TestASegmentWaitsForADescriptor(t *testing.T) {
	for _, c := range []struct {
		err   syscall.Errno
		waits bool
	}{
		{syscall.EMFILE, true},
		{syscall.ENFILE, true},
		{syscall.EACCES, false},
		{syscall.EIO, false},
		{syscall.ENOENT, false},
		{syscall.ENOMEM, false},
		{syscall.ENOSPC, false},
		{syscall.EROFS, false},
	} {
		for _, directory := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v directory=%v", c.err, directory), func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "main")
				s := mustOpen(t, dir)
				mustSave(t, s, genleader.Write{Entries: entries(1, 1, 1), State: state(1, 7)})
				refuse(s, directory, c.err)
				mustSave(t, s, genleader.Write{Entries: entries(1, 2, 3)}) // needs none
				err := s.Save([]genleader.Write{{Entries: []*raftpb.Entry{entry(1, 4, strings.Repeat("x", int(s.roll)))}}})
				if !c.waits {
					if !errors.Is(err, c.err) || !errors.Is(s.Save(nil), c.err) {
						t.Errorf("got %v", err)
					}
					_ = s.Close()
					return
				}
				if err != nil || len(s.segments) != 1 {
					t.Fatalf("%d segments, %v", len(s.segments), err)
				}
				mustSave(t, s, genleader.Write{Entries: entries(1, 5, 5)})
				s.openFile = os.OpenFile
				mustSave(t, s, genleader.Write{Entries: entries(1, 6, 6)})
				if len(s.segments) != 2 || s.end >= s.roll {
					t.Errorf("%d segments, the last one with %d bytes", len(s.segments), s.end)
				}
				mustSave(t, s, genleader.Write{Entries: entries(1, 7, 7)})
				mustClose(t, s)
				s = mustOpen(t, dir)
				if got := load(t, s); len(got.Entries) != 7 || got.State.GetVote() != 7 {
					t.Errorf("got\n%s", show(t, got))
				}
				mustClose(t, s)
			})
		}
	}
}

// TestASegmentWaitsForADescriptorOnlySoLong: what is read in one piece at the next start must not grow for ever.
func TestASegmentWaitsForADescriptorOnlySoLong(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "main")
	s := mustOpen(t, dir)
	refuse(s, false, syscall.EMFILE)
	next := uint64(1)
	var err error
	for ; err == nil; next++ {
		if s.end >= overlong*s.roll {
			t.Fatalf("a segment has %d bytes", s.end)
		}
		err = s.Save([]genleader.Write{{Entries: entries(1, next, next), State: state(1, 7)}})
	}
	if !errors.Is(err, syscall.EMFILE) || !strings.Contains(err.Error(), fmt.Sprintf("%d bytes", s.end)) || s.end < overlong*s.roll {
		t.Errorf("after %d bytes: %v", s.end, err)
	}
	mustClose(t, s)
	holds(t, dir, next)
}

// TestALeadersSnapshotWaitsForADescriptor: nothing of it has been written yet. Without one it fails in the end.
func TestALeadersSnapshotWaitsForADescriptor(t *testing.T) {
	for _, without := range []time.Duration{patience / 2, 2 * patience} {
		synctest.Test(t, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "main")
			s := mustOpen(t, dir)
			mustSave(t, s, genleader.Write{Entries: entries(1, 1, 3), State: state(2, 0)})
			end := time.Now().Add(without)
			s.openFile = func(name string, flag int, perm os.FileMode) (*os.File, error) {
				if time.Now().Before(end) {
					return nil, &os.PathError{Op: "open", Path: name, Err: syscall.ENFILE}
				}
				return os.OpenFile(name, flag, perm)
			}
			err := s.Save([]genleader.Write{{Snapshot: snapshotAt(2, 100), Image: imageOf("theirs")}})
			if without > patience {
				if !errors.Is(err, syscall.ENFILE) || time.Now().After(end) {
					t.Errorf("got %v", err)
				}
			} else if err != nil {
				t.Error(err)
			}
			mustClose(t, s)
			s = mustOpen(t, dir)
			want := uint64(100)
			if err != nil {
				want = 0
			}
			if got := load(t, s); got.Snapshot.GetMetadata().GetIndex() != want {
				t.Errorf("without a descriptor for %v: got\n%s", without, show(t, got))
			}
			mustClose(t, s)
		})
	}
}
