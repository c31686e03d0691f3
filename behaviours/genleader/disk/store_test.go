package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/gendac/gendac/behaviours/genleader"
)

var owner = Owner{Cluster: "c", Group: "main", Member: "a1"}

func mustOpen(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := open(dir, owner, 42, 4096)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func entry(term, index uint64, data string) *raftpb.Entry {
	return &raftpb.Entry{Term: new(term), Index: new(index), Data: []byte(data)}
}

func entries(term, from, to uint64) (all []*raftpb.Entry) {
	for index := from; index <= to; index++ {
		all = append(all, entry(term, index, fmt.Sprintf("entry %d of term %d", index, term)))
	}
	return all
}

func state(term, vote uint64) *raftpb.HardState {
	return &raftpb.HardState{Term: new(term), Vote: new(vote), Commit: new(uint64(0))}
}

func snapshotAt(term, index uint64) *raftpb.Snapshot {
	return &raftpb.Snapshot{
		Data: []byte("electorate"),
		Metadata: &raftpb.SnapshotMetadata{
			Index: new(index), Term: new(term), ConfState: &raftpb.ConfState{Voters: []uint64{1, 2, 3}},
		},
	}
}

func imageOf(text string) genleader.Image { return bytes.NewReader([]byte(text)) }

// show is what a store holds, as text.
func show(t testing.TB, s *genleader.Stored) string {
	t.Helper()
	var b strings.Builder
	if s.Snapshot != nil {
		image := ""
		if s.OpenImage != nil {
			r, err := s.OpenImage()
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(r)
			if err := errors.Join(err, r.Close()); err != nil {
				t.Fatal(err)
			}
			image = string(data)
		}
		fmt.Fprintf(&b, "snapshot %d of term %d %q: %.40q\n", s.Snapshot.GetMetadata().GetIndex(), s.Snapshot.GetMetadata().GetTerm(), s.Snapshot.GetData(), image)
	}
	if s.State != nil {
		fmt.Fprintf(&b, "term %d vote %d\n", s.State.GetTerm(), s.State.GetVote())
	}
	for _, e := range s.Entries {
		fmt.Fprintf(&b, "%d.%d %q\n", e.GetTerm(), e.GetIndex(), e.GetData())
	}
	return b.String()
}

func load(t testing.TB, s *Store) *genleader.Stored {
	t.Helper()
	stored, err := s.Load()
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

func mustSave(t testing.TB, s *Store, writes ...genleader.Write) {
	t.Helper()
	if err := s.Save(writes); err != nil {
		t.Fatal(err)
	}
}

func mustClose(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsSavedIsThereWhenTheDirectoryIsOpenedAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "main")
	s := mustOpen(t, dir)
	if s.ID() != 42 || !load(t, s).Empty() {
		t.Fatalf("a new directory has id %d", s.ID())
	}
	mustSave(t, s, genleader.Write{Entries: entries(1, 1, 3), State: state(1, 7)}, genleader.Write{Entries: entries(2, 3, 4), State: state(2, 0)})
	mustClose(t, s)

	s, err := Open(dir, owner, 43)
	if err != nil {
		t.Fatal(err)
	}
	if s.ID() != 42 {
		t.Errorf("the id has become %d", s.ID())
	}
	want := &genleader.Stored{State: state(2, 0), Entries: slices.Concat(entries(1, 1, 2), entries(2, 3, 4))}
	if got := show(t, load(t, s)); got != show(t, want) {
		t.Errorf("got\n%s", got)
	}
	mustClose(t, s)
}

func TestADirectoryIsOpenedByOneAtATime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "main")
	s := mustOpen(t, dir)
	if _, err := Open(dir, owner, 1); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), dir+".lock") {
		t.Errorf("a second one got %v", err)
	}
	mustClose(t, s)
	mustClose(t, mustOpen(t, dir))
}

func TestADirectoryIsOpenedByItsOwnerOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "main")
	mustClose(t, mustOpen(t, dir))
	for _, other := range []Owner{{"c", "main", "b1"}, {"c", "other", "a1"}, {"d", "main", "a1"}} {
		if _, err := Open(dir, other, 1); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), `"a1"`) {
			t.Errorf("%v got %v", other, err)
		}
	}
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "letter.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(foreign, owner, 1); !errors.Is(err, ErrForeign) {
		t.Errorf("somebody's directory: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "letter.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, owner, 1); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), "letter.txt") {
		t.Errorf("a stranger's file: %v", err)
	}
}

func TestASnapshotReplacesWhatLiesBeforeIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "main")
	s := mustOpen(t, dir)
	for i := range uint64(300) {
		mustSave(t, s, genleader.Write{Entries: entries(1, i+1, i+1), State: state(1, 7)})
		if i%100 == 99 {
			if _, err := s.SaveSnapshot(snapshotAt(1, i), imageOf(strings.Repeat("state ", int(i)))); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(s.segments) > 3 {
		t.Errorf("%d segments are left", len(s.segments))
	}
	mustClose(t, s)
	names, err := filepath.Glob(filepath.Join(dir, snapshotPrefix+"*"))
	if err != nil || len(names) != 1 {
		t.Errorf("snapshots left: %v, %v", names, err)
	}
	s = mustOpen(t, dir)
	stored := load(t, s)
	if want := "snapshot 299 of term 1 \"electorate\": \"state state state state state state stat\"\nterm 1 vote 7\n1.300 \"entry 300 of term 1\"\n"; show(t, stored) != want {
		t.Errorf("got\n%s", show(t, stored))
	}
	mustClose(t, s)
}

// TestALeadersSnapshotBeginsTheLogAnew: what the log held behind the snapshot's place went another way, and must not come
// back, wherever a crash comes between.
func TestALeadersSnapshotBeginsTheLogAnew(t *testing.T) {
	want := &genleader.Stored{Snapshot: snapshotAt(2, 100), State: state(2, 0)}
	for _, crash := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "main")
		s := mustOpen(t, dir)
		mustSave(t, s, genleader.Write{Entries: entries(1, 1, 120), State: state(2, 0)})
		if crash { // the snapshot has its name, and nothing else has happened
			if _, err := s.writeSnapshot(fromLeader, snapshotAt(2, 100), imageOf("theirs")); err != nil {
				t.Fatal(err)
			}
		} else {
			mustSave(t, s, genleader.Write{Snapshot: snapshotAt(2, 100), Image: imageOf("theirs")})
		}
		mustClose(t, s)
		for range 2 {
			s = mustOpen(t, dir)
			stored := load(t, s)
			stored.OpenImage = nil
			if got := show(t, stored); got != show(t, want) {
				t.Fatalf("crash=%v: got\n%s", crash, got)
			}
			mustClose(t, s)
		}
		s = mustOpen(t, dir)
		mustSave(t, s, genleader.Write{Entries: entries(2, 101, 102)})
		mustClose(t, s)
		s = mustOpen(t, dir)
		if got := load(t, s).Entries; len(got) != 2 {
			t.Errorf("crash=%v: %d entries behind the snapshot", crash, len(got))
		}
		mustClose(t, s)
	}
}

func TestNothingIsWrittenAfterAnError(t *testing.T) {
	s := mustOpen(t, filepath.Join(t.TempDir(), "main"))
	if err := s.file.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Save([]genleader.Write{{State: state(1, 1)}}); !errors.Is(err, os.ErrClosed) {
			t.Fatalf("got %v", err)
		}
	}
	_ = s.Close()
}

// TestADirectoryOfAnotherVersionIsRefused, and the error says what to do: its log means something else.
func TestADirectoryOfAnotherVersionIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "main")
	mustClose(t, mustOpen(t, dir))
	i, err := readIdentity(dir)
	if err != nil {
		t.Fatal(err)
	}
	i.Version--
	if err := os.Remove(filepath.Join(dir, identityName)); err != nil {
		t.Fatal(err)
	}
	if err := i.write(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, owner, 1); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), "version 1") || !strings.Contains(err.Error(), "another directory") {
		t.Errorf("got %v", err)
	}
}
