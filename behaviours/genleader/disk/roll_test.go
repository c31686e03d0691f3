package disk

import (
	"path/filepath"
	"testing"

	"github.com/gendac/gendac/behaviours/genleader"
)

// TestALeadersSnapshotAtTheEndOfASegment: the very write that says that the log begins anew behind the leader's snapshot
// fills a segment. What follows in the next one must count after a restart.
func TestALeadersSnapshotAtTheEndOfASegment(t *testing.T) {
	for _, roll := range []int64{1, 4096} {
		dir := filepath.Join(t.TempDir(), "main")
		s, err := open(dir, owner, 42, roll)
		if err != nil {
			t.Fatal(err)
		}
		mustSave(t, s, genleader.Write{Entries: entries(1, 1, 3), State: state(1, 0)})
		mustSave(t, s, genleader.Write{Snapshot: snapshotAt(1, 200), Image: imageOf("leader's"), State: state(1, 0)})
		mustSave(t, s, genleader.Write{Entries: entries(1, 201, 203), State: state(1, 0)})
		mustClose(t, s)
		if s, err = open(dir, owner, 42, roll); err != nil {
			t.Fatalf("roll %d: %v", roll, err)
		}
		stored := load(t, s)
		if n := len(stored.Entries); n != 3 {
			t.Errorf("roll %d: %d of 3 acknowledged entries behind the snapshot are there", roll, n)
		}
		if _, err := s.SaveSnapshot(snapshotAt(1, 203), imageOf("own")); err != nil {
			t.Fatal(err)
		}
		if n := len(s.segments); n != 1 {
			t.Errorf("roll %d: %d segments are left behind a snapshot of everything", roll, n)
		}
		mustClose(t, s)
	}
}
