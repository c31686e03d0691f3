//go:build unix

package disk

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gendac/gendac/behaviours/genleader"
)

// withoutDescriptors does something while this process gets no descriptor.
func withoutDescriptors(t *testing.T, do func()) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := limit
	none.Cur = 0
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
	}()
	do()
}

// TestAStoreGoesOnWithoutDescriptors: the limit of the process is really lowered. No segment is begun and no snapshot kept,
// and both are done once there are descriptors again.
func TestAStoreGoesOnWithoutDescriptors(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "main")
	s := mustOpen(t, dir)
	next := uint64(1)
	withoutDescriptors(t, func() {
		if f, err := os.Open(dir); !errors.Is(err, syscall.EMFILE) {
			_ = f.Close()
			t.Fatalf("this process still gets descriptors: %v", err)
		}
		for ; s.end < 3*s.roll; next++ {
			mustSave(t, s, genleader.Write{Entries: entries(1, next, next), State: state(1, 7)})
		}
		if _, err := s.SaveSnapshot(snapshotAt(1, next-1), imageOf("the state")); !errors.Is(err, syscall.EMFILE) {
			t.Errorf("a snapshot: %v", err)
		}
		mustSave(t, s, genleader.Write{Entries: entries(1, next, next)})
		next++
	})
	if len(s.segments) != 1 {
		t.Errorf("%d segments", len(s.segments))
	}
	mustSave(t, s, genleader.Write{Entries: entries(1, next, next)})
	next++
	if len(s.segments) != 2 {
		t.Errorf("%d segments once there are descriptors", len(s.segments))
	}
	mustClose(t, s)
	holds(t, dir, next)
	s = mustOpen(t, dir)
	if _, err := s.SaveSnapshot(snapshotAt(1, next-1), imageOf("the state")); err != nil || len(s.segments) != 1 {
		t.Errorf("%d segments behind a snapshot of everything, %v", len(s.segments), err)
	}
	mustClose(t, s)
}

// TestWhatCouldNotBeWrittenGetsNoName: a file that takes nothing, as on a full disk, or that cannot say whether the disk has
// what it took, leaves a directory that can be opened, and that has what was acknowledged.
func TestWhatCouldNotBeWrittenGetsNoName(t *testing.T) {
	for name, takes := range map[string]bool{"unwritten": false, "unsynced": true} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "main")
			s := mustOpen(t, dir)
			mustSave(t, s, genleader.Write{Entries: entries(1, 1, 3), State: state(1, 7)})
			s.openFile = func(path string, flag int, perm os.FileMode) (*os.File, error) {
				if !strings.HasSuffix(path, partSuffix) {
					return os.OpenFile(path, flag, perm)
				}
				if err := os.WriteFile(path, nil, perm); err != nil {
					return nil, err
				}
				reader, pipe, err := os.Pipe() // which cannot be synced, and takes nothing without a reader
				if takes {
					t.Cleanup(func() { _ = reader.Close() })
				} else {
					_ = reader.Close()
				}
				return pipe, err
			}
			if _, err := s.SaveSnapshot(snapshotAt(1, 2), imageOf("the state")); err == nil {
				t.Error("a snapshot is kept")
			}
			next := uint64(4)
			var err error
			for ; err == nil; next++ {
				err = s.Save([]genleader.Write{{Entries: entries(1, next, next)}})
			}
			if s.end < s.roll {
				t.Errorf("failed at %d bytes: %v", s.end, err)
			}
			mustClose(t, s)
			holds(t, dir, next)
		})
	}
}
